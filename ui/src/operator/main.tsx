// The operator's page: what all servers do now, for whoever has an admin key; it reads only.
import { render } from "preact";
import { Operator } from "./operator";
import "../shell/theme";
import "../styles/operator.css";

const app = document.getElementById("app")!;
app.replaceChildren(); // what was shown while this was loaded
render(<Operator />, app);
