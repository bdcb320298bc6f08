// proxy - a minimal gateway on Fastify and undici: what the ancestor's users have.
// proxy.mjs PORT BACKEND_PORT
// Like the ancestor it lets Fastify read the JSON, writes it anew for the node, and hands the
// node's answer on as a stream. Unlike it, it takes bodies over 1 MiB, or there would be
// nothing to measure. The modules come from the folder in $PEER.
// SPDX-License-Identifier: MIT
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PEER}/`);
const { Pool } = require("undici");
const [port, backend] = process.argv.slice(2).map(Number);
const node = new Pool(`http://127.0.0.1:${backend}`, {
  connections: null, // as many as there are requests
  pipelining: 1,
  headersTimeout: 310_000,
  bodyTimeout: 310_000,
});
const app = require("fastify")({ logger: false, bodyLimit: 64 * 1024 * 1024 });

app.all("/*", async (request, reply) => {
  const { host, connection, "content-length": length, ...headers } = request.headers;
  const answer = await node.request({
    method: request.method,
    path: request.url,
    headers,
    body: request.body === undefined ? undefined : JSON.stringify(request.body),
  });
  const { connection: hop, "keep-alive": hint, "transfer-encoding": coding, ...fields } =
    answer.headers;
  return reply.code(answer.statusCode).headers(fields).send(answer.body);
});

await app.listen({ host: "127.0.0.1", port });
