"use strict";
// The chosen frame stays chosen over a reload.
const frames = [...document.querySelectorAll(".gl-tabs input")];
const chosen = frames[sessionStorage.getItem("frame")];
if (chosen) chosen.checked = true;
frames.forEach((input, number) => {
  input.addEventListener("change", () => sessionStorage.setItem("frame", number));
});
new EventSource("/events").onmessage = (event) => {
  if (event.data !== document.documentElement.dataset.version) location.reload();
};
