/* Two tables of the same pictures at one place: buttons choose which is seen, and the address remembers (#table=layers).
   Without this script one stands below the other. */
(function () {
  "use strict";
  var box = document.querySelector("[data-matrices]");
  if (!box) return;
  var tables = Array.prototype.slice.call(box.querySelectorAll("[data-table]")), bar = document.createElement("div");
  if (tables.length < 2) return;

  var buttons = tables.map(function (table) {
    var made = document.createElement("button");
    made.type = "button";
    made.textContent = table.dataset.name;
    made.addEventListener("click", function () {
      choose(table.dataset.table);
      history.replaceState(history.state, "", "#table=" + table.dataset.table);
    });
    bar.append(made);
    return made;
  });

  function choose(key) {
    tables.forEach(function (table, number) {
      table.hidden = table.dataset.table !== key;
      buttons[number].setAttribute("aria-pressed", String(!table.hidden));
    });
  }

  function fromAddress() {
    var key = new URLSearchParams(location.hash.slice(1)).get("table");
    if (tables.some(function (table) { return table.dataset.table === key; })) choose(key);
  }

  bar.className = "filter matrices";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Table");
  box.prepend(bar);
  choose(tables[0].dataset.table);
  box.classList.add("is-ready");
  fromAddress();
  window.addEventListener("hashchange", fromAddress);
})();
