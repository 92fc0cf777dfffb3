// What every command includes and is slow to compile, once.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
