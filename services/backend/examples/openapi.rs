//! Prints the OpenAPI document, for `cargo xtask generate`.

fn main() {
    println!("{}", lockdown_backend::openapi());
}
