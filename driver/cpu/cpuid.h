// The x86 features that code generators ask for, by LLVM's names (-mattr), as far as both the processor and
// the operating system support them.
#pragma once

#include <string>
#include <vector>

namespace doorbell {

std::vector<std::string> cpu_features();
std::string cpu_brand();  // "AMD EPYC 7763 64-Core Processor"

}  // namespace doorbell
