#include "helpers/libvirt/answers.h"

namespace passthrough {
namespace {

thread_local AnswerCount* count_of_this_thread = nullptr;

}  // namespace

CountAnswersHere::CountAnswersHere(std::shared_ptr<AnswerCount> count) : count_(std::move(count)) {
  count_of_this_thread = count_.get();
}

CountAnswersHere::~CountAnswersHere() { count_of_this_thread = nullptr; }

void CountAnswer() {
  if (count_of_this_thread != nullptr) ++*count_of_this_thread;
}

}  // namespace passthrough
