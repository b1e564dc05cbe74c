#!/usr/bin/env bash
# Runs the tests of packages, of the parser and the tables where none is named, for aarch64, emulated:
#     deploy/tests/aarch64.sh [PACKAGE...]
# Installs what it needs, and keeps what it compiles in ~/.cache/stagelight.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -gt 0 ] || set -- stagelight-eventlog stagelight-tables
if [ "$(uname -m)" = aarch64 ]; then
    echo "aarch64: this machine is one, where plain cargo test does this"
    exit
fi

skip() {
    echo "aarch64: SKIPPED, NO TEST RAN: $*" >&2
    [ -z "${STAGELIGHT_REQUIRE_TOOLS:-}" ] || exit 1
    exit 0
}

libc=/usr/aarch64-linux-gnu
has_tools() {
    command -v aarch64-linux-gnu-gcc && command -v qemu-aarch64-static && command -v xz && [ -e "$libc/lib/libc.so" ]
} >/dev/null
if ! has_tools; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends \
        gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static xz-utils; } >/dev/null || true
    has_tools || skip "Debian's cross compiler and qemu-user-static cannot be installed"
fi

cache="$HOME/.cache/stagelight"
target=aarch64-unknown-linux-gnu
release=$(rustc --version | cut -d' ' -f2)
export CARGO_TARGET_DIR="$cache/target-aarch64"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L $libc"
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc

# Compiles the standard library of this release, as `-Zbuild-std` does, and leaves a sysroot.
build_std() {
    echo "aarch64: the standard library is compiled from $source"
    work=$(mktemp -d -p "$cache/aarch64")
    trap 'rm -r "$work"' EXIT
    mkdir -p "$work/src" "$work/sysroot/lib/rustlib/$target/lib"
    touch "$work/src/lib.rs"
    printf '[package]\nname = "none"\nedition = "2024"\n' >"$work/Cargo.toml"
    tar -xJf "$source" -C "$work"
    (cd "$work" && RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$work/library" CARGO_TARGET_DIR="$work/target" \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C embed-bitcode=yes" \
        cargo build --quiet --release --target "$target" -Zbuild-std=std,panic_unwind,panic_abort,proc_macro,test)
    mv "$work/target/$target/release/deps"/*.rlib "$work/sysroot/lib/rustlib/$target/lib"
    mv "$work/sysroot" "$1"
}

mkdir -p "$cache/aarch64"
source="deploy/tests/rust-std-$release.tar.xz"
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] && [ ! -e "$source" ]; then
    timeout 120 rustup target add "$target" || skip "rustup has no standard library for $target, and $source is missing"
elif [ -e "$source" ]; then
    sysroot="$cache/aarch64/rust-$release"
    [ -d "$sysroot" ] || build_std "$sysroot"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="--sysroot $sysroot"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTDOCFLAGS="--sysroot $sysroot"
fi

# Emulated, a property is slow to try: fewer cases, where a test does not set their number itself.
export PROPTEST_CASES="${PROPTEST_CASES:-64}"
log="$cache/aarch64/tests.log"
status=0
cargo test --locked --no-fail-fast --target "$target" "${@/#/--package=}" | tee "$log" || status=$?

read -r passed failed < <(awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$log")
echo "aarch64: $passed passed, $failed failed"
[ "$passed" -gt 0 ] && exit "$status"
