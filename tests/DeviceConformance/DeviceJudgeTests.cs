using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.DeviceConformance;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Minimal;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.DeviceConformance.Tests;

/// <summary>What is judged right, and that each kind of run ends.</summary>
[TestFixture]
internal sealed class DeviceJudgeTests
{
    private const ulong Blocks = BlockFeature.SegmentMaximum | BlockFeature.BlockSize | BlockFeature.Flush
        | BlockFeature.ConfigWce | BlockFeature.Discard | BlockFeature.WriteZeroes;

    [TestCase(false)]
    [TestCase(true)]
    public void A_right_disk_passes_everything(bool isMmio)
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk(isMmio);
        bench.Model.OfferedFeatures |= Blocks;
        ExpectNoFailure(bench);
    }

    [Test]
    public void A_right_disk_with_many_queues_passes_everything()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk(queues: 4);
        ExpectNoFailure(bench);
    }

    [Test]
    public void A_right_read_only_disk_passes_everything()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();
        bench.Model.OfferedFeatures |= BlockFeature.ReadOnly;
        ExpectNoFailure(bench);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_right_card_passes_everything(bool isMmio)
    {
        using ModelBench<NetDevice> bench = WrongDevice.NewCard(isMmio);
        ExpectNoFailure(bench);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_right_source_of_entropy_passes_everything(bool isMmio)
    {
        using ModelBench<EntropyDevice> bench = WrongDevice.NewEntropy(isMmio);
        ExpectNoFailure(bench);
    }

    [Test]
    public void Devices_that_complete_out_of_order_and_late_pass_everything()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();
        bench.Model.Queues[0].Policy = new ReversedCompletion();
        ExpectNoFailure(bench);
    }

    [Test]
    public void What_the_devices_of_kvm_host_do_otherwise_is_found()
    {
        using var machine = new SimulatedMachine(new SimulatedDma(new SimulatedDmaOptions()));
        var disk = new BlockDevice(machine.Memory.GuestMemory, 64) { RunsWhenNotified = true };
        var function = new MinimalFunction(disk, machine.Messages.OutputTo(15, isPulsed: true));
        PciTransport? transport = PciTransport.TryCreate(machine, machine.Plug(function), out Failure? failure);
        Assert.That(transport, Is.Not.Null, failure?.ToString());
        var judge = new DeviceJudge(transport!, null);

        string[] failed = [.. Judge(judge).Where(IsBad).Select(result => result.Test.Id).Distinct()];

        Assert.That(failed, Does.Contain("features.refused").And.Contain("reset.again"));
    }

    [Test]
    public void No_interrupt_stays_with_the_judge()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();

        Judge(WrongDevice.Open(bench));

        Assert.That(bench.Machine.Messages.NamesInUse, Is.Empty);
    }

    [Test]
    public void What_is_stored_stays_unless_it_may_be_destroyed()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();
        bench.Model.OfferedFeatures |= Blocks;
        new Random(1).NextBytes(bench.Model.Disk);
        byte[] before = bench.Model.Disk.ToArray();
        DeviceJudge judge = WrongDevice.Open(bench);

        List<DeviceResult> spared = Judge(judge, DevicePermission.BreakRules);

        Assert.That(bench.Model.Disk.SequenceEqual(before), Is.True);
        Assert.That(
            spared.Where(result => result.Test.IsDestructive),
            Is.Not.Empty.And.All.Matches<DeviceResult>(result => result.Verdict == DeviceVerdict.Skip));
        Judge(judge);
        Assert.That(bench.Model.Disk.SequenceEqual(before), Is.False);
    }

    [Test]
    public void No_rule_is_broken_unless_it_may_be()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();

        List<DeviceResult> results = Judge(WrongDevice.Open(bench), DevicePermission.Destroy);

        Assert.That(
            results.Where(result => result.Test.Level == RequirementLevel.Robustness),
            Is.Not.Empty.And.All.Matches<DeviceResult>(result => result.Verdict == DeviceVerdict.Skip));
    }

    [Test]
    public void Only_tests_that_were_named_are_run()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();
        List<DeviceRun> plan = WrongDevice.Open(bench).Plan(["blk.read", "status."]);

        Assert.That(
            plan.Select(run => run.Test.Id).Distinct(),
            Is.EquivalentTo(new[] { "status.reset", "status.kept", "status.not-live", "status.healthy", "blk.read" }));
        Assert.That(
            plan.Where(run => run.Test.Id == "blk.read").Select(run => run.FormName),
            Is.EqualTo(new[] { "split", "split, event index", "packed", "packed, event index" }));
    }

    [Test]
    public void A_device_that_confirms_no_reset_ends_the_run_and_keeps_its_memory()
    {
        using ModelBench<BlockDevice> bench = WrongDevice.NewDisk();
        bool isStuck = false;
        bench.Alter = function => new SpoiltFunction(function, bench.Model)
        {
            OnRead = (offset, _, value) => isStuck && offset == SpoiltFunction.Status ? value | 4 : value,
        };
        DeviceJudge judge = WrongDevice.Open(bench);
        List<DeviceRun> plan = judge.Plan([]);
        DeviceResult first = judge.Run(plan[0], DevicePermission.All);
        isStuck = true;

        DeviceResult[] results = [.. plan.Select(run => judge.Run(run, DevicePermission.All))];

        Assert.That(first.Verdict, Is.EqualTo(DeviceVerdict.Pass));
        Assert.That(results[0].Verdict, Is.EqualTo(DeviceVerdict.Wedged));
        Assert.That(results[0].Evidence, Is.EqualTo("does not confirm a reset"));
        Assert.That(results[1..], Has.All.Matches<DeviceResult>(result => result.Verdict == DeviceVerdict.Skip));
        Assert.That(judge.IsLost, Is.True);
    }

    [Test]
    public void Each_test_has_a_name_of_its_own_and_a_clause()
    {
        DeviceTest[] tests = DeviceJudge.Tests.ToArray();
        Assert.That(tests.Select(test => test.Id), Is.Unique);
        Assert.That(tests.Select(test => test.Clause), Has.All.Match(@"^\d(\.\d+)+(, \d(\.\d+)+)*$"));
        Assert.That(tests.Select(test => test.Title), Has.All.Match("^[A-Z].*[^.]$"));
    }

    [Test]
    public void Each_test_has_a_wrong_device_that_it_finds()
    {
        string[] found = [.. WrongDevice.All.Select(device => device.FoundBy).Distinct()];
        Assert.That(
            DeviceJudge.Tests.ToArray().Select(test => test.Id).Where(id => !found.Contains(id)), Is.Empty);
    }

    [TestCaseSource(typeof(WrongDevice), nameof(WrongDevice.All))]
    public void A_wrong_device_is_found(WrongDevice device)
    {
        List<DeviceResult> results = device.Judge();

        Assert.That(results.Where(IsBad), Is.Not.Empty);
        Assert.That(
            results.Where(IsBad).Select(result => result.Evidence), Has.All.Match(device.Evidence),
            "what was found is what was spoilt");
    }

    private static bool IsBad(DeviceResult result) => result.Verdict is DeviceVerdict.Fail or DeviceVerdict.Wedged;

    private static List<DeviceResult> Judge(DeviceJudge judge, DevicePermission permission = DevicePermission.All) =>
        judge.Plan([]).ConvertAll(run => judge.Run(run, permission));

    private static void ExpectNoFailure<TModel>(ModelBench<TModel> bench)
        where TModel : VirtioDeviceModel
    {
        List<DeviceResult> results = Judge(WrongDevice.Open(bench));
        Assert.That(
            results.Where(IsBad).Select(result => $"{result.Name}: {result.Verdict}: {result.Evidence}"),
            Is.Empty);
        Assert.That(results.Count(result => result.Verdict == DeviceVerdict.Pass), Is.GreaterThan(30));
    }
}
