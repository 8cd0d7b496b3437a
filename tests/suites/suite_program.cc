#include "tests/suites/suite_program.h"

#include <fmt/format.h>

#include <pugixml.hpp>

#include "helpers/base/files.h"

namespace passthrough {

std::filesystem::path SuiteProgram() {
  return std::filesystem::path(PASSTHROUGH_BINARY_DIR) / "bin" / "passthrough-suite";
}

std::filesystem::path LabProgramOfTests() {
  return std::filesystem::path(PASSTHROUGH_BINARY_DIR) / "bin" / "passthrough-lab";
}

ChildResult RunSuite(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), SuiteProgram().string());
  return RunChild(arguments, {}, Deadline::After(std::chrono::minutes(20)));  // of a hang: machines may be slow
}

std::string OnceItIsNoted(const std::filesystem::path& run) {
  return fmt::format("until grep -q '\"pid\": '$$ '{}'; do sleep 0.1; done\n", (run / "teardown-record.json").string());
}

JunitReport ReadJunit(const std::filesystem::path& file) {
  pugi::xml_document document;
  const std::string text = ReadFile(file);
  const auto parsed = document.load_buffer(text.data(), text.size());
  if (!parsed) throw Error(fmt::format("{}: {}", file.string(), parsed.description()));
  JunitReport report;
  for (const pugi::xml_node suite : document.child("testsuites").children("testsuite")) {
    for (const pugi::xml_node test : suite.children("testcase")) {
      const std::string name =
          fmt::format("{}.{}", test.attribute("classname").value(), test.attribute("name").value());
      report.all.insert(name);
      if (test.child("skipped")) report.skipped.insert(name);
      for (const pugi::xml_node failure : test.children("failure")) {
        report.failed.insert(name);
        report.messages[name] += std::string(failure.text().get()) + "\n";
      }
    }
  }
  return report;
}

}  // namespace passthrough
