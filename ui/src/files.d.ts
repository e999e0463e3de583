// What the build takes besides TypeScript.
declare module "*.csv" {
  const text: string;
  export default text;
}
declare module "*.css";
