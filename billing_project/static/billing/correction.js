// The grid of a correction: accounts offered while typing, the unit beside each line, and the sum by unit, exact, in whole minor units.
(() => {
  function begin(form) {
    const known = new Map();
    const body = form.querySelector("#correction-rows tbody");
    const codes = form.querySelector("#account-codes");
    const total = form.querySelector("input[name=entry-TOTAL_FORMS]");
    const account = (row) => row.querySelector("input[name$=-account]");
    const amount = (row) => row.querySelector("input[name$=-amount]");

    async function look(text) {
      const answer = await fetch(`${form.dataset.suggest}?book=${form.dataset.book}&q=${encodeURIComponent(text)}`);
      if (!answer.ok) return;
      const found = (await answer.json()).accounts;
      found.forEach((one) => known.set(one.code, one));
      codes.replaceChildren(...found.map((one) => new Option(`${one.name} ${one.unit}`.trim(), one.code)));
    }
    // "12.3" with 2 decimals is 1230n; null where it is no amount of the unit.
    function minor(text, exponent) {
      const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim());
      if (!parts || (parts[3] || "").length > exponent) return null;
      return BigInt(parts[1] + parts[2] + (parts[3] || "").padEnd(exponent, "0"));
    }
    function write(value, exponent) {
      const digits = (value < 0n ? -value : value).toString().padStart(exponent + 1, "0");
      const whole = exponent ? `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}` : digits;
      return (value < 0n ? "-" : "") + whole;
    }
    function sum() {
      const sums = new Map();
      const odd = [];
      [...body.rows].forEach((row, index) => {
        const one = known.get(account(row).value.trim());
        row.querySelector("[data-unit]").textContent = one ? `${one.unit}${one.status === "open" ? "" : `, ${one.status}`}` : account(row).value ? "unknown" : "";
        if (!amount(row).value.trim()) return;
        const value = one ? minor(amount(row).value, one.exponent) : null;
        if (value === null) { odd.push(index + 1); return; }
        const before = sums.get(one.unit) || { value: 0n, exponent: one.exponent };
        sums.set(one.unit, { value: before.value + value, exponent: one.exponent });
      });
      const told = [...sums].map(([unit, one]) => `Sum ${write(one.value, one.exponent)} ${unit}`);
      if (odd.length) told.push(`line ${odd.join(", ")}: not an amount of a known account`);
      const place = form.querySelector("[data-sums]");
      place.textContent = told.join(" · ");
      place.classList.toggle("pn-sum-bad", odd.length > 0 || [...sums.values()].some((one) => one.value !== 0n));
    }
    function add() {
      const count = Number(total.value);
      if (count >= Number(form.dataset.rowsMax)) return;
      const row = body.rows[body.rows.length - 1].cloneNode(true);
      row.cells[0].textContent = count + 1;
      row.querySelectorAll("input").forEach((input) => {
        input.name = input.name.replace(/entry-\d+/, `entry-${count}`);
        input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, count + 1));
        input.value = "";
      });
      row.querySelector("[data-unit]").textContent = "";
      body.append(row);
      total.value = count + 1;
      account(row).focus();
    }
    let waiting;
    body.addEventListener("input", (event) => {
      sum();
      if (!event.target.name.endsWith("-account")) return;
      clearTimeout(waiting);
      waiting = setTimeout(() => look(event.target.value).then(sum), 150);
    });
    form.querySelector("[data-add-row]").addEventListener("click", add);
    Promise.all([...new Set([...body.rows].map((row) => account(row).value))].filter(Boolean).map(look)).then(sum);
  }
  const all = (root) => root.querySelectorAll("form[data-correction]").forEach(begin);
  window.addEventListener("DOMContentLoaded", () => all(document));
  document.addEventListener("htmx:afterSwap", (event) => all(event.target));
})();
