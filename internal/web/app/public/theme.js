// Runs before anything is drawn, so that a dark page does not flash white.
(() => {
  let wanted = "system";
  try {
    wanted = JSON.parse(localStorage.getItem("kontor.theme") ?? '"system"');
  } catch {
    // Nothing was kept, or nothing that can be read: as the system has it.
  }
  const dark = wanted === "dark" || (wanted !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
