// A part that did not arrive, since the network changed just then, is no reason to stay empty.
import("./app.js").catch((problem) => {
  console.info("loading again:", problem.message);
  setTimeout(() => location.reload(), 1000);
});
