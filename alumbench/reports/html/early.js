// Before anything is drawn: with this class the page shows what only a script can serve, and the chosen colours.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("alumbench-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch { /* files may have no storage */ }
})();
