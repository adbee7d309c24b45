// A set-up link has its code, and perhaps a name, in the fragment: into the form with them, and out of the address.
(() => {
  const [code, name] = location.hash.slice(1).split("/");
  if (!code) return;
  const put = (id, value) => { document.getElementById(id).value = value; };
  put("field-code", code);
  if (name) {
    try { put("field-name", decodeURIComponent(name)); } catch { /* a link that was cut: the name is typed then */ }
  }
  history.replaceState(null, "", location.pathname);
  document.getElementById(name ? "field-password" : "field-name").focus();
})();
