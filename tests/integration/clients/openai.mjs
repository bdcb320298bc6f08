// openai - one call through the official OpenAI SDK, printed as JSON.
// openai.mjs BASE_URL plain|stream|models|embeddings [TEXT]
// Streams print the pieces of text and how long after the call each came, in milliseconds.
// SPDX-License-Identifier: MIT
import { createRequire } from "node:module";

const require = createRequire(`${process.env.CLIENTS}/`);
const OpenAI = require("openai").default ?? require("openai");
const [base, what, text = "hello"] = process.argv.slice(2);
const client = new OpenAI({ baseURL: base, apiKey: "dummy", maxRetries: 0 });
const chat = { model: "gpt-5", messages: [{ role: "user", content: text }] };
const begin = Date.now();

async function stream() {
  const out = { pieces: [], at: [], finish: null };
  for await (const part of await client.chat.completions.create({ ...chat, stream: true })) {
    const choice = part.choices[0];
    if (choice?.delta?.content) {
      out.pieces.push(choice.delta.content);
      out.at.push(Date.now() - begin);
    }
    out.finish = choice?.finish_reason ?? out.finish;
  }
  return out;
}

const calls = {
  stream,
  plain: () => client.chat.completions.create(chat),
  models: async () => (await client.models.list()).data.map((model) => model.id),
  embeddings: () =>
    client.embeddings.create({
      model: "text-embedding-3-small", input: text, encoding_format: "float",
    }),
};

try {
  console.log(JSON.stringify(await calls[what]()));
} catch (error) {
  console.log(JSON.stringify({
    error: { name: error.constructor.name, status: error.status, message: error.message },
  }));
}
