// The demo shop: draws the pages, keeps the cart, and measures as any shop would, by calls of analytics.js.
const CURRENCY = "EUR";
const BRAND = "Tockwell";
const PRODUCTS = [
  ["SHOE-42", "Trail Shoe", "Shoes", 89.9, "shoe", "Grips wet rock, dries by lunch, and weighs less than a sandwich."],
  ["SOCK-01", "Wool Socks", "Clothing", 12.5, "socks", "Two layers of merino, so that blisters stay a story of others."],
  ["PACK-20", "Day Pack", "Bags", 64, "pack", "Twenty litres, one zip, no straps that dangle."],
  ["BOTL-75", "Steel Bottle", "Gear", 24.9, "bottle", "Cold for a day, warm for half of one, dented for ever."],
  ["CAPS-03", "Sun Cap", "Clothing", 19, "cap", "A brim that folds, and comes back the way it was."],
  ["LAMP-10", "Head Lamp", "Gear", 39.5, "lamp", "Three hundred lumens for the part of the way that took longer."],
].map(([product_id, name, category, price, icon, text]) => ({ product_id, name, category, price, icon, text }));
const ROWS_SHOWN = 12;
const LOOK_MS = 1000;
const LEAVE_MS = 400; // what is reported before the page is left needs a moment to go out

const money = (amount) => new Intl.NumberFormat("en-IE", { style: "currency", currency: CURRENCY }).format(amount);
const at = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const product = (id) => PRODUCTS.find((one) => one.product_id === id);
const reported = ({ product_id, name, category, price }, quantity = 1) => ({
  product_id, name, category, brand: BRAND, price, quantity,
});

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function picture({ icon }) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${icon}`);
  drawing.append(use);
  return element("div", { class: `picture ${icon}`, "aria-hidden": "true" }, drawing);
}

const cart = {
  read: () => JSON.parse(localStorage.getItem("cart") || "{}"),
  write(quantities) {
    localStorage.setItem("cart", JSON.stringify(quantities));
    cart.count();
  },
  add(id, number) {
    const quantities = cart.read();
    quantities[id] = (quantities[id] || 0) + number;
    if (quantities[id] < 1) delete quantities[id];
    cart.write(quantities);
  },
  lines: () => Object.entries(cart.read()).filter(([id]) => product(id)).map(([id, number]) => [product(id), number]),
  total: () => Number(cart.lines().reduce((sum, [{ price }, number]) => sum + price * number, 0).toFixed(2)),
  count() {
    const number = cart.lines().reduce((sum, [, quantity]) => sum + quantity, 0);
    at("count").textContent = number || "";
  },
};

const order = (id) => ({
  ...(id && { order_id: id }),
  value: cart.total(),
  currency: CURRENCY,
  products: cart.lines().map(([one, number]) => reported(one, number)),
});

/** Reports, and returns when there was time for it to go out. */
const leaving = (call) => Promise.race([Promise.all([call, pause(LEAVE_MS)]), pause(3 * LEAVE_MS)]);

function add(one, button) {
  cart.add(one.product_id, 1);
  analytics.track("Product Added", { ...reported(one), currency: CURRENCY, value: one.price });
  button.textContent = "Added";
  setTimeout(() => (button.textContent = "Add to cart"), 1200);
}

const pages = {
  home() {
    at("products").append(
      ...PRODUCTS.map((one) =>
        element("li", { class: "card" },
          element("a", { href: `/product?id=${one.product_id}` }, picture(one), element("b", {}, one.name)),
          element("span", { class: "price" }, money(one.price)),
          element("button", { click: ({ target }) => add(one, target) }, "Add to cart"),
        ),
      ),
    );
  },
  product() {
    const one = product(new URLSearchParams(location.search).get("id")) || PRODUCTS[0];
    document.title = `${one.name} · ${BRAND}`;
    const wish = ({ target }) => {
      analytics.track("Product Added to Wishlist", { ...reported(one), currency: CURRENCY, value: one.price });
      target.textContent = "On the list";
    };
    at("product").append(
      picture(one),
      element("div", {},
        element("p", { class: "note" }, one.category),
        element("h1", {}, one.name),
        element("p", { class: "price" }, money(one.price)),
        element("p", {}, one.text),
        element("p", { class: "buttons" },
          element("button", { click: ({ target }) => add(one, target) }, "Add to cart"),
          element("button", { class: "quiet", click: wish }, "Wish for it"),
        ),
      ),
    );
    analytics.track("Product Viewed", { ...reported(one), currency: CURRENCY, value: one.price });
  },
  cart() {
    const lines = cart.lines();
    const change = (id, number) => () => {
      cart.add(id, number);
      pages.cart();
    };
    const rows = lines.map(([one, number]) =>
      element("li", { class: "card" },
        picture(one),
        element("a", { href: `/product?id=${one.product_id}` }, one.name),
        element("span", { class: "steps" },
          element("button", { class: "quiet", "aria-label": `One ${one.name} less`, click: change(one.product_id, -1) }, "−"),
          element("span", {}, String(number)),
          element("button", { class: "quiet", "aria-label": `One ${one.name} more`, click: change(one.product_id, 1) }, "+"),
        ),
        element("span", { class: "price" }, money(one.price * number)),
      ),
    );
    at("cart").replaceChildren(
      ...(rows.length
        ? [
            element("ul", { class: "lines" }, ...rows),
            element("p", { class: "sum" }, element("span", {}, "Total"), element("b", {}, money(cart.total()))),
            element("p", {}, element("a", { class: "button", href: "/checkout" }, "Check out")),
          ]
        : [element("p", {}, "It is empty. "), element("a", { class: "button", href: "/" }, "To the shop")]),
    );
  },
  checkout() {
    if (!cart.lines().length) cart.add(PRODUCTS[0].product_id, 1);
    const id = `O-${Date.now().toString(36).toUpperCase()}`;
    at("total").append(element("p", { class: "sum" }, element("span", {}, "Total"), element("b", {}, money(cart.total()))));
    analytics.track("Checkout Started", order(id));
    at("order").addEventListener("submit", async (event) => {
      event.preventDefault();
      const traits = Object.fromEntries(new FormData(event.target));
      sessionStorage.setItem("order", JSON.stringify({ order: order(id), traits }));
      analytics.identify(traits);
      await leaving(analytics.track("Payment Info Entered", order(id), { traits }));
      location.assign("/thanks");
    });
  },
  thanks() {
    const placed = JSON.parse(sessionStorage.getItem("order") || "null");
    if (!placed) return;
    sessionStorage.removeItem("order");
    cart.write({});
    analytics.track("Order Completed", placed.order, { traits: placed.traits });
    at("thanks").textContent =
      `Order ${placed.order.order_id} over ${money(placed.order.value)} was reported twice, and counts once.`;
  },
  signup() {
    at("signup").addEventListener("submit", (event) => {
      event.preventDefault();
      const traits = Object.fromEntries(new FormData(event.target));
      analytics.identify(traits);
      analytics.track("Signed Up", { method: "email" }, { traits });
      at("welcome").textContent = "Welcome! Both legs now know who you are.";
    });
  },
};

/** What the stand-in for TikTok has, in the panel. */
async function watch() {
  if (document.hidden) return;
  let found;
  try {
    found = await (await fetch("/arrived")).json();
  } catch {
    return; // the demo was stopped
  }
  const leg = (name, came) => element("span", { class: came ? "leg came" : "leg" }, name);
  at("sum").textContent = `${found.both} of ${found.events} paired`;
  at("arrived").replaceChildren(
    ...found.newest.slice(0, ROWS_SHOWN).map((one) =>
      element("li", {},
        element("a", { href: one.url, target: "_blank", rel: "noopener" }, one.event),
        leg("browser", one.browser),
        leg("server", one.server),
      ),
    ),
  );
}

cart.count();
pages[document.body.dataset.page]();
at("watch").open = matchMedia("(min-width: 64rem)").matches;
watch();
setInterval(watch, LOOK_MS);
