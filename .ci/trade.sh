# Sourced by .ci/run with the containers up: orders sent from this machine to
# the containers' NATS, as a strategy's would be, are filled at the sandbox,
# one before and one after the executor is killed, and a split and a merge are
# brought onto the chain; then the judge compares the venue's journal with what
# was asked and told, and the ledger says what is left. Needs $work and fail.
# shellcheck shell=bash

nats=127.0.0.1:$SLUICE_NATS_PORT
venue=http://127.0.0.1:$SLUICE_SANDBOX_PORT
go build -o "$work/sluice" ./cmd/sluice

buy() {
  local begin=$SECONDS
  timeout 60 "$work/sluice" order submit --nats "nats://strategy:strategy@$nats" --account main \
    --market sandbox-coin --outcome Yes --side buy --price 0.52 --size 10 --wait -o json | tee "$work/order.json"
  grep -q '"type":"order.filled".*"remaining":"0".*"final":true' "$work/order.json" || fail 'the order is not filled'
  echo "filled within $((SECONDS - begin)) s"
}

# crash ends the executor's process as the kernel would. (`docker kill` counts
# as a wish, and then the restart policy keeps quiet.) It is back when it is
# healthy again with one restart more.
crash() {
  local container before state
  container=$(compose ps -q executor)
  before=$(docker inspect -f '{{.RestartCount}}' "$container")
  as_root kill -9 "$(docker inspect -f '{{.State.Pid}}' "$container")"
  for _ in $(seq 300); do
    state=$(docker inspect -f '{{.RestartCount}} {{.State.Health.Status}}' "$container")
    [ "$state" != "$((before + 1)) healthy" ] || return 0
    sleep 0.1
  done
  fail "the executor does not come back: $state"
}

# work asks for on-chain work and sees it through to its final block.
work() {
  timeout 120 "$work/sluice" tx "$@" --nats "nats://strategy:strategy@$nats" --account main --market sandbox-coin --urgency high -o json | tee "$work/tx.json"
  grep -q '"type":"tx.confirmed".*"final":true' "$work/tx.json" || fail "tx $1 is not confirmed"
}

buy
crash
buy
work split --amount 5
work merge --amount 5 # and the balances are as before

timeout 60 "$work/sluice" judge -o json --journal "$venue/_sandbox/journal" --nats "nats://service:service@$nats" | tee "$work/verdict.json"
# Who has seen nothing is content too.
grep -q '"content":true.*"orders_filled":2' "$work/verdict.json" || fail 'the judge has not seen two filled orders'

# Two purchases of 10 at 0.52 have left the wallet once they are settled, and nothing is held for them any more.
books() { timeout 60 "$work/sluice" ledger balances --nats "nats://strategy:strategy@$nats" -o json | tee "$work/balances.json"; }
for _ in $(seq 50); do
  books >"$work/balances.log"
  ! grep -q '"cash":{"asset":"pUSD","total":"99989.6","held":"0","unsettled_in":"0","unsettled_out":"0","available":"99989.6"}' "$work/balances.json" || break
  sleep 0.1
done
grep -q '"total":"99989.6".*"available":"99989.6"' "$work/balances.json" || fail "the ledger says $(cat "$work/balances.json")"
compose exec -T ledger /sluice ledger verify -o json | tee "$work/books.json"
grep -q '"content":true' "$work/books.json" || fail 'the books are not whole'

# An orderly stop is no failure and is done within its grace: 137 would be a
# container that had to be killed.
compose stop
for container in $(compose ps --all -q); do
  state=$(docker inspect -f '{{.Name}} {{.State.ExitCode}}' "$container")
  [ "${state##* }" = 0 ] || fail "exit code after stop: $state"
done
