// Shows what a Mend node reported (the "text" of its output) in the node itself, below its widgets.
import { app } from "/scripts/app.js";

const NAME = "report";
const MARGIN = 10; // the host's, around every DOM widget
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

function addReport(node) {
  const element = document.createElement("div");
  element.className = "mend-report";
  Object.assign(element.style, STYLE);
  let height = 0;
  const measure = () => (height = heightAt(element, node.size[0] - 2 * MARGIN) + 2 * MARGIN);
  const widget = node.addDOMWidget(NAME, "mend-report", element, {
    serialize: false, // of the prompt
    hideOnZoom: false,
    margin: MARGIN,
    getMinHeight: () => height,
    getMaxHeight: () => height,
    afterResize: measure,
  });
  widget.serialize = false; // of the saved workflow
  widget.show = (text) => {
    element.textContent = text;
    measure();
    node.expandToFitContent();
    node.setDirtyCanvas(true, true);
  };
  return widget;
}

// Measured on a copy: the element itself may be off the screen, where it has no height.
function heightAt(element, width) {
  const copy = element.cloneNode(true);
  Object.assign(copy.style, { position: "absolute", visibility: "hidden", width: `${width}px` });
  document.body.append(copy);
  const height = copy.offsetHeight;
  copy.remove();
  return height;
}

function report(node, output) {
  if (!node.comfyClass?.startsWith("Mend") || !output?.text) return;
  const widget = node.widgets?.find(({ name }) => name === NAME) ?? addReport(node);
  widget.show([output.text].flat().join("\n"));
}

app.registerExtension({
  name: "Mend.Report",
  nodeCreated(node) {
    const before = node.onExecuted;
    node.onExecuted = function (output) {
      before?.call(this, output);
      report(this, output);
    };
  },
  // Undo makes all nodes anew, and so does a change of tabs, which brings the outputs back after the nodes.
  loadedGraphNode: (node) => report(node, app.nodeOutputs[node.id]),
  onNodeOutputsUpdated: (outputs) => app.graph.nodes.forEach((node) => report(node, outputs[node.id])),
});
