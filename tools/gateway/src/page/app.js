// The pages and what they are called in addresses. A page's part is fetched when it is opened first.

import { enter } from "./lib/frame.js";
import { route, start } from "./lib/router.js";

route("/", "Overview", () => import("./views/overview.js"));
route("/shards", "Shards", () => import("./views/shards.js"));
route("/shard/:n", "Shards", () => import("./views/shard.js"));
route("/graphs", "Graphs", () => import("./views/graphs.js"));
route("/graph", "Graphs", () => import("./views/graph.js"));
route("/explore", "Explorer", () => import("./views/explore.js"));
route("/moves", "Moves", () => import("./views/moves.js"));
route("/where", "Where", () => import("./views/where.js"));
start(enter);
