/* Two tables of the same pictures at one place: buttons choose which is seen, and the address remembers (#table=layers).
   Without this script one stands below the other. */
(function () {
  "use strict";
  var address = window.innerview.address;

  window.innerview.enliven("[data-matrices]", function (box, signal) {
    var tables = Array.prototype.slice.call(box.querySelectorAll("[data-table]")), bar = document.createElement("div"), buttons;
    if (tables.length < 2) return;

    function choose(key) {
      tables.forEach(function (table, number) {
        table.hidden = table.dataset.table !== key;
        buttons[number].setAttribute("aria-pressed", String(!table.hidden));
      });
    }

    function fromAddress() {
      var key = address.get("table");
      if (tables.some(function (table) { return table.dataset.table === key; })) choose(key);
      else choose(tables[0].dataset.table);
    }

    buttons = tables.map(function (table) {
      var made = document.createElement("button");
      made.type = "button";
      made.textContent = table.dataset.name;
      made.addEventListener("click", function () {
        choose(table.dataset.table);
        address.set({ table: table.dataset.table }, fromAddress);
      });
      bar.append(made);
      return made;
    });
    bar.className = "segmented table-switch";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Table");
    box.prepend(bar);
    box.classList.add("is-ready");
    signal.addEventListener("abort", address.keep(["table"], fromAddress));
    signal.addEventListener("abort", function () {
      bar.remove();
      box.classList.remove("is-ready");
      tables.forEach(function (table) { table.hidden = false; });
    });
    fromAddress();
  });
})();
