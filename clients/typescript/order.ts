// Submit, follow and cancel one order: npm ci && npm start [nats://user:password@host:port]
import { connect, headers, createInbox, type Msg } from "@nats-io/transport-node";

interface Event {
  type: string;
  state?: string;
  filled?: string;
  final?: boolean;
  error?: { code: string; cause: string; fix: string };
}

const url = new URL(process.argv[2] ?? "nats://127.0.0.1:4222");
const nc = await connect({ servers: url.host, user: url.username || undefined, pass: url.password || undefined }).catch((e: Error) => {
  console.error(`no NATS server at ${url.host} (${e.message}); start everything with: go run ./cmd/sluice up`);
  process.exit(1);
});

// Every event about the order also comes to the inbox, one a message, until a final one.
async function command(subject: string, body: object, inbox: string): Promise<number> {
  const h = headers();
  h.set("Reply-To", inbox);
  const ack = (await nc.request(subject, JSON.stringify(body), { headers: h, timeout: 2000 })).json<{ seq: number }>();
  return ack.seq; // on disk; what the venue says comes as an event
}

async function follow(events: AsyncIterator<Msg>, enough: (e: Event) => boolean | undefined): Promise<Event> {
  const timer = setTimeout(() => { throw new Error("no deciding event within 15 s"); }, 15_000);
  for (;;) {
    const next = await events.next();
    if (next.done) throw new Error("the connection is closed");
    const e = next.value.json<Event>();
    console.log(e.type, e.state ?? "", e.filled ?? "", e.error ?? "");
    if (enough(e)) {
      clearTimeout(timer);
      return e;
    }
  }
}

const run = `ts-${Date.now()}`;
const order = { client_order_id: `${run}-1`, market: "sandbox-coin", outcome: "Yes", side: "BUY", type: "GTC", price: "0.52", size: "10", sent_ms: Date.now() };

let inbox = createInbox();
let events = nc.subscribe(inbox)[Symbol.asyncIterator](); // one iterator for each subscription
console.log("stored as", await command("cmd.order.main.submit", order, inbox));
const filled = await follow(events, (e) => e.final);
if (filled.state !== "filled") throw new Error(`not filled: ${JSON.stringify(filled)}`);

inbox = createInbox();
events = nc.subscribe(inbox)[Symbol.asyncIterator]();
await command("cmd.order.main.submit", { ...order, client_order_id: `${run}-2`, price: "0.10", post_only: true, sent_ms: Date.now() }, inbox);
await follow(events, (e) => e.type === "order.accepted" || e.final);
await command("cmd.order.main.cancel", { client_order_id: `${run}-2` }, inbox);
const cancelled = await follow(events, (e) => e.final);
if (cancelled.state !== "cancelled") throw new Error(`not cancelled: ${JSON.stringify(cancelled)}`);

await nc.close();
