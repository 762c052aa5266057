# Sourced by .ci/run with the containers up: one order, sent from this machine
# to the containers' NATS as a strategy's would be, is filled at the sandbox,
# and the judge finds the venue's journal equal to what was asked and told.
# Needs $work; leaves the order's last event in $work/order.json.

nats=127.0.0.1:$SLUICE_NATS_PORT
venue=http://127.0.0.1:$SLUICE_SANDBOX_PORT
go build -o "$work/sluice" ./cmd/sluice

timeout 60 "$work/sluice" order submit --nats "nats://strategy:strategy@$nats" --account main \
  --market sandbox-coin --outcome Yes --side buy --price 0.52 --size 10 --wait -o json | tee "$work/order.json"
grep -q '"final": *true' "$work/order.json" || fail 'the order is not final'

timeout 60 "$work/sluice" judge --journal "$venue/_sandbox/journal" --nats "nats://service:service@$nats" | tee "$work/verdict"
