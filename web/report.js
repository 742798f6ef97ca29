// Shows what a Mend node reported (the "text" of its output) in the node itself, below its widgets.
import { api } from "/scripts/api.js";
import { app } from "/scripts/app.js";

const TYPE = "mend-report";
const MARGIN = 10; // around the text
const ADDED = 4; // to a widget's height, by the host
const NARROWEST = 230; // of a new node: less cuts titles, and reports get long
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

// Empty it takes no room. It is there from the start, because Nodes 2.0 may overlook widgets that come later; and each
// has a name of its own, because there a node that undo makes anew keeps the old elements of widgets of the same name.
function addReport(node) {
  const element = document.createElement("div");
  element.className = TYPE;
  Object.assign(element.style, STYLE, { display: "none" });
  let height = -ADDED;
  const measure = () => {
    if (element.textContent) height = heightAt(element, node.size[0] - 2 * MARGIN) + 2 * MARGIN - ADDED;
  };
  const widget = node.addDOMWidget(`report ${++made}`, TYPE, element, {
    serialize: false, // of the prompt
    hideOnZoom: false,
    margin: 0, // more than its height would leave less than nothing, which newer pages take for all of the page
    afterResize: measure,
  });
  // As high as its text: a widget with a layout size is stretched, in Nodes 2.0 beyond what it names as its most.
  widget.computeLayoutSize = undefined;
  widget.computeSize = () => [0, height];
  widget.serialize = false; // of the saved workflow
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

// Measured on a copy: the element itself is stretched to the widget's height, and has none while off the screen.
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

// What undo and a change of tabs bring back. The page adds to it, but not what was done before it heard that the prompt
// is queued.
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
  // Undo and a change of tabs make all nodes anew, and then bring the outputs back.
  onNodeOutputsUpdated: (outputs) => app.graph.nodes.forEach((node) => report(node, outputs[node.id])),
});
