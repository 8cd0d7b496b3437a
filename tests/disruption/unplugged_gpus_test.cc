#include "helpers/disruption/unplugged_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/interruption.h"
#include "tests/disruption/guest.h"

namespace passthrough {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class UnpluggedGpusTest : public testing::Test {
 protected:
  ~UnpluggedGpusTest() override { ClearInterruption(); }
  UnpluggedGpus Gpus() {
    return UnpluggedGpus(guest_, directory_.path(), [this](const std::string& what) { reported_ += what + "\n"; },
                         {.add = [this](const DetachedGpu& pending) { Note(pending); },
                          .drop = [this](const DetachedGpu& pending) { Forget(pending); }});
  }
  void Note(const DetachedGpu& pending) {
    if (disk_is_full_) throw Error("no space left on device");
    EXPECT_EQ(guest_.buses.contains(BusOf(pending.hostdev)), !pending.left);
    Forget(pending);
    noted_.push_back(pending);
  }
  void Forget(const DetachedGpu& pending) {
    std::erase_if(noted_, [&](const DetachedGpu& one) { return one.IsSameAs(pending); });
  }
  static Deadline Long() { return Deadline::After(std::chrono::minutes(1)); }
  static Deadline Now() { return Deadline::After(std::chrono::seconds(0)); }

  const TemporaryDirectory directory_{"unplugged"};
  Guest guest_;
  std::string reported_;
  std::vector<DetachedGpu> noted_;
  bool disk_is_full_ = false;
};

TEST_F(UnpluggedGpusTest, AreNotedFromBeforeTheyGoUntilTheyAreBack) {
  UnpluggedGpus gpus = Gpus();
  gpus.Unplug(kFirst, Long());
  gpus.Unplug(kSecond, Long());
  ASSERT_EQ(noted_.size(), 2u);
  EXPECT_EQ(noted_[0].domain, "d");
  EXPECT_EQ(noted_[0].uuid, kGuestUuid);
  EXPECT_EQ(noted_[0].domain_id, 3);
  EXPECT_TRUE(noted_[0].defined);
  EXPECT_EQ(noted_[0].gpu, "0000:01:00.0");
  EXPECT_TRUE(noted_[0].left);
  EXPECT_THAT(noted_[0].hostdev, HasSubstr("<hostdev"));
  EXPECT_EQ(ReadFile(noted_[0].file), noted_[0].hostdev + "\n");
  gpus.PlugIn();
  EXPECT_THAT(noted_, IsEmpty());
}

TEST_F(UnpluggedGpusTest, WhatTheDefinitionLacksIsNotedAsThat) {
  UnpluggedGpus gpus = Gpus();
  guest_.definition = {2};
  gpus.Unplug(kFirst, Long());
  guest_.definition = std::nullopt;
  gpus.Unplug(kSecond, Long());
  ASSERT_EQ(noted_.size(), 2u);
  EXPECT_FALSE(noted_[0].defined);
  EXPECT_FALSE(noted_[1].defined);
}

TEST_F(UnpluggedGpusTest, WhatCannotBeNotedIsNotUnplugged) {
  UnpluggedGpus gpus = Gpus();
  disk_is_full_ = true;
  EXPECT_THROW(gpus.Unplug(kFirst, Long()), Error);
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
  EXPECT_EQ(guest_.detached, 0);
  EXPECT_THAT(gpus.Reattach(), IsEmpty());
}

TEST_F(UnpluggedGpusTest, WhatCouldNotBeReattachedStaysNoted) {
  UnpluggedGpus gpus = Gpus();
  gpus.Unplug(kFirst, Long());
  guest_.attach_failures = 1000;
  gpus.Reattach(std::chrono::seconds(0));
  EXPECT_EQ(noted_.size(), 1u);
}

TEST_F(UnpluggedGpusTest, ThatAGuestLetGoAfterTheWaitIsNoted) {
  guest_.patience = 2;
  guest_.attach_failures = 1000;
  UnpluggedGpus gpus = Gpus();
  EXPECT_THROW(gpus.Unplug(kFirst, Now()), TimeoutError);
  ASSERT_EQ(noted_.size(), 1u);
  EXPECT_FALSE(noted_[0].left);
  gpus.Reattach(std::chrono::seconds(2));
  ASSERT_EQ(noted_.size(), 1u);
  EXPECT_TRUE(noted_[0].left);
}

TEST_F(UnpluggedGpusTest, GoAndComeBack) {
  UnpluggedGpus gpus = Gpus();
  guest_.patience = 3;
  gpus.Unplug(kFirst, Long());
  EXPECT_THAT(guest_.buses, testing::ElementsAre(2));
  EXPECT_THAT(ReadFile(directory_.path() / "hostdev-0000-01-00.0.xml"), HasSubstr("<hostdev"));
  EXPECT_EQ(gpus.PlugIn(), 1u);
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
  EXPECT_EQ(gpus.PlugIn(), 0u);
  EXPECT_THAT(gpus.Reattach(), IsEmpty());
  EXPECT_EQ(guest_.attached, 1);
}

TEST_F(UnpluggedGpusTest, ComeBackWhenNobodyPlugsThemIn) {
  {
    UnpluggedGpus gpus = Gpus();
    gpus.Unplug(kFirst, Long());
    gpus.Unplug(kSecond, Long());
    EXPECT_THAT(guest_.buses, IsEmpty());
  }
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
}

TEST_F(UnpluggedGpusTest, ComeBackAfterAnInterruption) {
  guest_.interrupt_at_detach = true;
  guest_.patience = 3;  // lets go only when the run is ending already
  {
    UnpluggedGpus gpus = Gpus();
    EXPECT_THROW(gpus.Unplug(kFirst, Long()), InterruptedError);
    EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2)) << "not gone yet";
  }
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
  EXPECT_EQ(guest_.attached, 1);
}

TEST_F(UnpluggedGpusTest, ComeBackWhereTheGuestLetsGoAfterTheWait) {
  guest_.patience = 2;
  UnpluggedGpus gpus = Gpus();
  EXPECT_THROW(gpus.Unplug(kFirst, Now()), TimeoutError);
  EXPECT_EQ(gpus.PlugIn(), 0u);
  EXPECT_THAT(gpus.Reattach(), IsEmpty());
  EXPECT_EQ(guest_.attached, 1);
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
}

TEST_F(UnpluggedGpusTest, ComeBackAtTheSecondAttempt) {
  UnpluggedGpus gpus = Gpus();
  gpus.Unplug(kFirst, Long());
  guest_.attach_failures = 2;
  EXPECT_THROW(gpus.PlugIn(), Error);
  EXPECT_THAT(gpus.Reattach(), IsEmpty());
  EXPECT_THAT(guest_.buses, testing::ElementsAre(1, 2));
}

TEST_F(UnpluggedGpusTest, ItIsReportedHowToReattachWhatCouldNotBe) {
  UnpluggedGpus gpus = Gpus();
  gpus.Unplug(kFirst, Long());
  guest_.attach_failures = 1000;
  const std::string file = (directory_.path() / "hostdev-0000-01-00.0.xml").string();
  EXPECT_THAT(
      gpus.Reattach(std::chrono::seconds(0)),
      AllOf(HasSubstr("GPU 0000:01:00.0 was unplugged from domain d and is not back"), HasSubstr("the host is busy"),
            HasSubstr("virsh -c test:///x attach-device d " + file + " --live")));
  EXPECT_THAT(reported_, HasSubstr("is not back"));
}

TEST_F(UnpluggedGpusTest, ItIsReportedThatAGuestMayLetGoLater) {
  guest_.patience = 1000;
  UnpluggedGpus gpus = Gpus();
  EXPECT_THAT([&] { gpus.Unplug(kFirst, Now()); },
              ThrowsMessage<TimeoutError>(HasSubstr("was asked to let GPU 0000:01:00.0 go")));
  EXPECT_THAT(gpus.Reattach(std::chrono::seconds(0)), AllOf(HasSubstr("may yet"), HasSubstr("attach-device d ")));
  EXPECT_EQ(guest_.attached, 0);
}

// The step that unplugs reports it. That the guest might let go later would be wrong, and a wait for that is in vain.
TEST_F(UnpluggedGpusTest, WhatLibvirtRefusesToDetachIsLeftAsItIs) {
  UnpluggedGpus gpus = Gpus();
  guest_.refusal = "device is not hot-unpluggable";
  EXPECT_THAT([&] { gpus.Unplug(kFirst, Long()); }, ThrowsMessage<LibvirtError>(HasSubstr("not hot-unpluggable")));
  guest_.looks = 0;
  EXPECT_THAT(gpus.Reattach(), IsEmpty());
  EXPECT_EQ(guest_.looks, 1) << "it was waited for";
  EXPECT_THAT(noted_, IsEmpty());
  EXPECT_EQ(reported_, "unplugging 0000:01:00.0\n");
}

TEST_F(UnpluggedGpusTest, WhetherItWasDetachedWhenTheConnectionBrokeIsNotKnown) {
  UnpluggedGpus gpus = Gpus();
  guest_.refusal = "cannot read data: Connection reset by peer";
  EXPECT_THROW(gpus.Unplug(kFirst, Long()), LibvirtError);
  guest_.is_cut_off = true;
  EXPECT_THAT(gpus.Reattach(std::chrono::seconds(0)), HasSubstr("is not back"));
  EXPECT_EQ(noted_.size(), 1u);
}

TEST_F(UnpluggedGpusTest, WhatTheDomainHasNotIsNotUnplugged) {
  UnpluggedGpus gpus = Gpus();
  EXPECT_THROW(gpus.Unplug(PciAddress::Parse("0000:09:00.0").value(), Long()), Error);
  EXPECT_THAT(gpus.Reattach(), IsEmpty());
}

// It stays off, or was destroyed and started anew, with the GPUs that its definition has.
TEST_F(UnpluggedGpusTest, NothingIsAttachedToADomainThatIsNotWhatItWas) {
  {
    UnpluggedGpus gpus = Gpus();
    gpus.Unplug(kFirst, Long());
    guest_.id = 4;
    EXPECT_THAT([&] { gpus.PlugIn(); }, ThrowsMessage<Error>(HasSubstr("was started anew")));
    EXPECT_THAT(gpus.Reattach(), IsEmpty());
  }
  EXPECT_EQ(guest_.attached, 0);
  EXPECT_THAT(noted_, IsEmpty());
}

}  // namespace
}  // namespace passthrough
