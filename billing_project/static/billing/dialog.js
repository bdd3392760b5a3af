// Acts as dialogs: a link with data-dialog opens the form of its own address in a native dialog on the page where the person is. Without
// this script, in a new tab, and where the answer is no act (the session has ended), the link leads to its page like any other.
(() => {
  let dialog, opener;
  const field = "input:not([type=hidden]):not([readonly]), textarea, select";

  function begin() {
    dialog = document.createElement("dialog");
    dialog.id = "act-dialog";
    dialog.className = "pn-dialog";
    dialog.setAttribute("aria-labelledby", "act-title");
    dialog.addEventListener("close", () => { dialog.replaceChildren(); opener?.focus(); });
    document.body.append(dialog);
  }
  function tell(sentence) {
    dialog.querySelector("[data-unsent]")?.remove();
    const place = document.createElement("p");
    Object.assign(place, { className: "pn-error", textContent: sentence, tabIndex: -1 });
    place.setAttribute("role", "alert");
    place.dataset.unsent = "";
    dialog.querySelector("form").prepend(place);
    place.focus();
  }
  document.addEventListener("click", (event) => {
    if (dialog?.open && event.target.closest("#act-dialog [data-back]")) { event.preventDefault(); dialog.close(); return; }
    const link = event.target.closest("a[data-dialog]");
    if (!link || !window.htmx || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (!dialog) begin();
    if (dialog.open) return;
    opener = link;
    htmx.ajax("GET", link.href, { source: link, target: dialog, swap: "innerHTML" });
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!dialog || event.detail.target !== dialog || event.detail.xhr.status >= 400) return;
    if (event.detail.xhr.responseText.includes("data-act")) return;
    event.detail.shouldSwap = false;
    location.assign(opener.href);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!dialog || event.detail.target !== dialog) return;
    if (!dialog.open) dialog.showModal();
    const wrong = dialog.querySelector(".pn-error");
    const place = wrong?.closest(".pn-field")?.querySelector(field) || wrong || dialog.querySelector(field) || dialog.querySelector("button");
    if (place === wrong) wrong.tabIndex = -1;
    place.focus();
  });
  const unsent = (event, sentence) => {
    if (!dialog || event.detail.target !== dialog) return;
    if (dialog.open) tell(sentence);
    else location.assign(opener.href);
  };
  document.addEventListener("htmx:responseError", (event) => unsent(event, `The server answered ${event.detail.xhr.status}. Nothing is lost of what you typed; try again, or look whether it was done.`));
  document.addEventListener("htmx:sendError", (event) => unsent(event, "The server cannot be reached. Nothing is lost of what you typed; try again."));

  // A form that is sent by the browser is sent once, also on a double click.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-once]")) return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-once]").forEach((form) => delete form.dataset.sent));
})();
