// anthropic - one call through the official Anthropic SDK, printed as JSON.
// anthropic.mjs BASE_URL plain|stream|count [TEXT]
// SPDX-License-Identifier: MIT
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CLIENTS}/`);
const Anthropic = require("@anthropic-ai/sdk").default ?? require("@anthropic-ai/sdk");
const [base, what, text = "hello"] = process.argv.slice(2);
const client = new Anthropic({ baseURL: base, apiKey: "dummy", maxRetries: 0 });
const ask = { model: "claude-sonnet-4", messages: [{ role: "user", content: text }] };

const calls = {
  plain: () => client.messages.create({ ...ask, max_tokens: 50 }),
  stream: async () => {
    const pieces = [];
    const stream = client.messages.stream({ ...ask, max_tokens: 50 });
    stream.on("text", (piece) => pieces.push(piece));
    return { pieces, stop: (await stream.finalMessage()).stop_reason };
  },
  count: () => client.messages.countTokens(ask),
};

try {
  console.log(JSON.stringify(await calls[what]()));
} catch (error) {
  console.log(JSON.stringify({
    error: { name: error.constructor.name, status: error.status, message: error.message },
  }));
}
