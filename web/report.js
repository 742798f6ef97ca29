// Shows the report of a Mend node (the "text" of its output) in the node, below its widgets.
import { api } from "/scripts/api.js";
import { app } from "/scripts/app.js";

const TYPE = "mend-report";
const MARGIN = 10; // around the text
const ADDED = 4; // that the host adds to a widget's height
const NARROWEST = 230; // minimum width of a new node: narrower nodes cut titles and make reports long
const STYLE = {
  whiteSpace: "pre-wrap",
  overflowWrap: "anywhere",
  overflowY: "auto",
  font: "12px/1.4 Inter, Arial, sans-serif",
  color: "var(--input-text, #ddd)",
  background: "var(--comfy-input-bg, #222)",
  borderRadius: "4px",
  padding: "6px 8px",
  boxSizing: "border-box",
};

let made = 0;

// An empty report takes no space. The widget exists from the start, because Nodes 2.0 may ignore widgets that are added
// later. Each has a unique name: in Nodes 2.0, a node recreated by undo keeps the old elements of widgets with the same
// name.
function addReport(node) {
  const element = document.createElement("div");
  element.className = TYPE;
  Object.assign(element.style, STYLE, { display: "none" });
  let height = -ADDED;
  const measure = () => {
    if (element.textContent) height = heightAt(element, node.size[0] - 2 * MARGIN) + 2 * MARGIN - ADDED;
  };
  const widget = node.addDOMWidget(`report ${++made}`, TYPE, element, {
    serialize: false, // not in the prompt
    hideOnZoom: false,
    margin: 0, // a margin above the height gives a negative size, which newer pages treat as the full page
    afterResize: measure,
  });
  // Keeps the widget as high as its text: one with a layout size is stretched, in Nodes 2.0 even beyond its maximum.
  widget.computeLayoutSize = undefined;
  widget.computeSize = () => [0, height];
  widget.serialize = false; // not in the saved workflow
  widget.label = "report";
  widget.show = (text) => {
    element.textContent = text;
    element.style.display = "block";
    widget.options.margin = MARGIN;
    measure();
    node.expandToFitContent();
    node.setDirtyCanvas(true, true);
  };
  return widget;
}

// Measures a copy: the element itself is stretched to the widget's height, and has no height while off screen.
function heightAt(element, width) {
  const copy = element.cloneNode(true);
  Object.assign(copy.style, { position: "absolute", visibility: "hidden", width: `${width}px`, height: "auto" });
  document.body.append(copy);
  const height = copy.offsetHeight;
  copy.remove();
  return height;
}

function report(node, output) {
  const widget = node.widgets?.find(({ type }) => type === TYPE);
  if (widget && output?.text) widget.show([output.text].flat().join("\n"));
}

// Stores the outputs that undo and a change of tabs restore. The page stores them too, but not those that arrive before
// its event "promptQueued".
function rememberOutputs() {
  const tracker = app.extensionManager.workflow.activeWorkflow?.changeTracker;
  if (tracker) tracker.nodeOutputs = { ...tracker.nodeOutputs, ...app.nodeOutputs };
}

app.registerExtension({
  name: "Mend.Report",
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("Mend")) return;
    addReport(node);
    node.setSize([Math.max(node.size[0], NARROWEST), node.size[1]]);
    const before = node.onExecuted;
    node.onExecuted = function (output) {
      before?.call(this, output);
      report(this, output);
    };
  },
  setup: () => api.addEventListener("promptQueued", rememberOutputs),
  // Undo and a change of tabs recreate all nodes, and then restore the outputs.
  onNodeOutputsUpdated: (outputs) => app.graph.nodes.forEach((node) => report(node, outputs[node.id])),
});
