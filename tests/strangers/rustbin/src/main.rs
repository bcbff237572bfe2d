use std::io::{stdin, BufRead};

fn main() {
    let mut buffer = itoa::Buffer::new();
    for line in stdin().lock().lines() {
        println!("{}", buffer.format(line.unwrap().chars().count()));
    }
}
