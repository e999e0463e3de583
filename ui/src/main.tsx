// The playground.
import { render } from "preact";
import { App } from "./app";
import "./shell/theme";
import "./shell/title";
import "./styles/main.css";

const app = document.getElementById("app")!;
app.replaceChildren(); // what was shown while this was loaded
render(<App />, app);
