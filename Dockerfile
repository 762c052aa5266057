# One image with the one binary; every service of compose.yaml is a subcommand.
FROM golang:1.26-alpine AS build
WORKDIR /src
ENV GOCACHE=/go/cache
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -buildid= -X main.version=$VERSION" -o /out/sluice ./cmd/sluice

# No shell, no package manager: certificates, users and the binary.
FROM gcr.io/distroless/static:nonroot
LABEL org.opencontainers.image.title=sluice
COPY --from=build --chmod=0555 /out/sluice /sluice
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/sluice"]
