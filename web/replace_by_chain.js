// Menu entry of Inpaint: put the chain of nodes that it stands for in its place.
import { api } from "/scripts/api.js";
import { app } from "/scripts/app.js";

const NODE = "MendInpaint";
const ENTRY = "Replace by its chain";
const COMMAND = "Mend.ReplaceByChain";
// Widgets of loaders that name the model's file.
const FILES = ["ckpt_name", "model_name", "unet_name"];
const FARTHEST = 32; // nodes between a model's loader and Inpaint
const CONTROL = "control_after_generate"; // of a seed
const GAP = 40; // between nodes of the chain
const LARGER = 1.5; // a node in Nodes 2.0 than it was made, at most
const TITLE = 40; // height of a title above its node

// A node's graph, which may be a subgraph.
const linkOf = ({ graph }, id) => (id == null ? null : graph.links[id] ?? graph.links.get?.(id));
const link = (node, slot) => linkOf(node, node.inputs?.find(({ name }) => name === slot)?.link);
const widget = (node, name) => node.widgets?.find((each) => each.name === name);

// The file that the connected model was loaded from: of its loader, or of the loader before nodes that change it.
function modelFile(node) {
  let from = link(node, "model");
  for (let hops = 0; from && hops < FARTHEST; hops++) {
    const origin = node.graph.getNodeById(from.origin_id);
    if (!origin) break; // an input of a subgraph
    const file = FILES.map((name) => widget(origin, name)?.value).find(Boolean);
    if (file) return file;
    from = link(origin, "model") ?? link(origin, origin.inputs?.[0]?.name);
  }
  return "";
}

// What stands for a linked widget: any value but the one that leaves the choice to the tables.
function standIn({ name, value }) {
  if (["task", "extend_sides"].includes(name)) throw new Error(`${name}: expected a value, got a link. Choose one here.`);
  return typeof value === "number" ? 1 : "linked";
}

async function chainOf(node) {
  const connected = node.inputs.filter((slot) => slot.link != null && !slot.widget).map(({ name }) => name);
  const query = new URLSearchParams({ connected: connected.join(","), model: modelFile(node) });
  for (const each of node.widgets) {
    const value = link(node, each.name) ? standIn(each) : each.value;
    if (["string", "number"].includes(typeof value)) query.set(each.name, String(value).slice(0, 1000));
  }
  const reply = await api.fetchApi(`/mend/chain?${query}`);
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.error);
  return body;
}

// Steps in columns: each stands right of all that it reads.
function columns(steps) {
  const depth = {};
  for (const { id, inputs } of steps) {
    const before = Object.values(inputs).filter(({ step }) => step).map(({ step }) => depth[step] + 1);
    depth[id] = Math.max(0, ...before);
  }
  return depth;
}

// Lays nodes out in columns, and makes room for them: what stands right of the replaced node moves on.
function place(made, steps, node) {
  const depth = columns(steps);
  const count = Math.max(...Object.values(depth)) + 1;
  const [left, top] = node.pos;
  let x = left;
  for (let column = 0; column < count; column++) {
    const nodes = steps.filter(({ id }) => depth[id] === column).map(({ id }) => made[id]);
    let y = top;
    for (const each of nodes) {
      each.pos = [x, y];
      y += LARGER * each.size[1] + GAP + TITLE;
    }
    x += LARGER * Math.max(...nodes.map((each) => each.size[0])) + GAP;
  }
  const right = left + node.size[0];
  for (const other of node.graph.nodes) {
    if (other.pos[0] >= right) other.pos = [other.pos[0] + Math.max(x - GAP - right, 0), other.pos[1]];
  }
}

function setInput(target, name, given, node, made) {
  if (given.step) {
    made[given.step].connect(given.output, target, target.inputs.findIndex((slot) => slot.name === name));
    return;
  }
  const from = given.given && link(node, given.given);
  if (from) {
    const slot = target.inputs.findIndex((each) => each.name === name);
    node.graph.getNodeById(from.origin_id).connect(from.origin_slot, target, slot);
    return;
  }
  const own = widget(target, name);
  if (own) own.value = given.given ? widget(node, given.given)?.value : given.value;
  const control = widget(target, CONTROL);
  if (given.given === "seed" && control) control.value = widget(node, CONTROL).value;
}

function replace(node, { steps, outputs }) {
  const made = Object.fromEntries(steps.map(({ id, node: type }) => [id, LiteGraph.createNode(type)]));
  // Nodes 2.0 takes a node's place from when it is added.
  place(made, steps, node);
  const { graph } = node;
  Object.values(made).forEach((each) => graph.add(each));
  for (const { id, inputs } of steps) {
    for (const [name, given] of Object.entries(inputs)) setInput(made[id], name, given, node, made);
  }
  outputs.forEach(({ step, output }, number) => {
    for (const id of [...(node.outputs[number].links ?? [])]) {
      const { target_id, target_slot } = linkOf(node, id);
      made[step].connect(output, graph.getNodeById(target_id), target_slot);
    }
  });
  graph.remove(node);
  app.canvas.deselectAll();
  app.canvas.selectItems(Object.values(made));
}

// All changes are one step of undo.
async function run(node) {
  let chain;
  try {
    chain = await chainOf(node);
  } catch (error) {
    const detail = error.message;
    app.extensionManager.toast.add({ severity: "error", summary: ENTRY, detail, life: 10000 });
    return;
  }
  app.canvas.emitBeforeChange();
  const { graph } = node;
  graph.beforeChange();
  try {
    replace(node, chain);
  } finally {
    graph.afterChange();
    app.canvas.emitAfterChange();
  }
  graph.setDirtyCanvas(true, true);
}

const isInpaint = (item) => item?.comfyClass === NODE;

app.registerExtension({
  name: "Mend.ReplaceByChain",
  commands: [
    {
      id: COMMAND,
      label: ENTRY,
      icon: "pi pi-sitemap",
      function: () => Object.values(app.canvas.selected_nodes).filter(isInpaint).forEach(run),
    },
  ],
  getNodeMenuItems: (node) => (isInpaint(node) ? [{ content: ENTRY, callback: () => run(node) }] : []),
  // Older pages show no entries of packs in the menus of Nodes 2.0, but these buttons above a selected node.
  getSelectionToolboxCommands: (item) => (isInpaint(item) ? [COMMAND] : []),
});
