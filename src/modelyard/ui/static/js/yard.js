// The start of every page: small modules, each of which finds its own marks in the page and leaves the rest alone.
import "./table.js";
import "./chart.js";
import { start as keys } from "./keys.js";
import { start as palette } from "./palette.js";
import { start as overlays } from "./overlays.js";
import { start as live } from "./live.js";
import { start as hot } from "./hot.js";
import { start as asked } from "./asked.js";
import { start as pulling } from "./pulling.js";
import { start as graph } from "./graph.js";

overlays();
palette();
keys();
hot();
asked();
pulling();
graph();
live();
document.documentElement.dataset.ready = "";
