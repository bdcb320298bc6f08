// dockernode - a node for a container: answers as copilot-api does, for a good account.
//
// PORT says where it listens, NAME what it says in its answers. It ends at once on TERM, as the
// first process of a container only does when it asks for it.
//
// SPDX-License-Identifier: MIT
import http from "node:http";

const name = process.env.NAME ?? process.env.HOSTNAME;
const usage = {
  copilot_plan: "individual",
  quota_snapshots: {
    premium_interactions: { entitlement: 300, remaining: 200, percent_remaining: 66.6,
      unlimited: false },
  },
};
const server = http.createServer((request, response) => {
  request.resume().on("end", () => {
    if (request.url === "/") {
      response.end("Server running");
      return;
    }
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(request.url === "/usage" ? usage : {
      id: "x", object: "chat.completion", model: "gpt-4.1",
      choices: [{ index: 0, finish_reason: "stop",
        message: { role: "assistant", content: name } }],
    }));
  });
});
process.on("SIGTERM", () => process.exit(0));
server.listen(Number(process.env.PORT ?? 4141), process.env.LISTEN ?? "0.0.0.0",
  () => console.log(`Listening on ${server.address().port}`));
