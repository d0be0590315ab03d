using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests;

/// <summary><c>conform</c>: a device is taken from its owner, judged, and given back.</summary>
[TestFixture]
internal sealed class ConformCommandTests
{
    [Test]
    public void A_disk_is_judged_and_works_afterwards()
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;
        var shell = new ShellBench(disk);

        string[] lines = shell.Run("conform blk --only blk.read status.").Split('\n');

        Assert.That(lines[..2], Is.EqualTo(new[] { "TAP version 14", $"1..{lines.Length - 3}" }));
        Assert.That(lines, Does.Contain("ok 1 - disk0 status.reset: A reset sets the status to 0"));
        Assert.That(lines[^1], Does.Match("^# disk0: [1-9][0-9]* passed, 0 failed, 0 wedged, 0 skipped$"));
        Assert.That(shell.Context.HasFailed, Is.False);
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Running));
    }

    [Test]
    public void A_failure_names_the_clause_and_what_was_seen()
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;
        bench.LogRequests().ForcedStatus = 1;
        var shell = new ShellBench(disk);

        string text = shell.Run("conform --only blk.read");

        Assert.That(text, Does.Contain(
            "not ok 1 - disk0 blk.read (split): The first and the last sector can be read\n  ---\n"
            + "  message: 'ends a request of type 0 with status 1, not 0'\n  severity: fail\n"
            + "  clause: 'virtio 1.4, 5.2.6.2'\n  level: MUST\n  ...\n"));
        Assert.That(text, Does.EndWith("error: 2 of 2 tests of conformance failed"));
        Assert.That(shell.Context.HasFailed, Is.True);
    }

    [Test]
    public void A_disk_with_something_in_flight_is_left_alone()
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;
        bench.HoldRequests();
        DiskRequest request = disk.Rent()!;
        disk.Start(request, Drivers.Virtio.Devices.Block.BlockOperation.Read, 0, 1);

        Assert.That(new ShellBench(disk).Run("conform"), Is.EqualTo("error: disk0: the device is in use"));

        bench.Model.Queues[0].Policy = new Devices.Rings.InOrderCompletion();
        bench.Model.Run();
        disk.Remove();
    }

    [Test]
    public void A_link_is_judged_and_carries_frames_afterwards()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(NetFeature.Control, memory: new SimulatedDmaOptions());
        Loosen(bench);
        VirtioLink link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out _)!;
        link.PlanLook = static () => { };
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        var shell = new ShellBench(port: port);

        string[] lines = shell.Run("conform net --only net. ring.one").Split('\n');

        Assert.That(lines.Where(line => line.StartsWith("not ok", System.StringComparison.Ordinal)), Is.Empty);
        Assert.That(link.IsUp, Is.True);
        Assert.That(link.TrySend(new byte[60]), Is.True);
        port.Remove();
    }

    [Test]
    public void A_source_of_entropy_is_judged_and_gives_bytes_afterwards()
    {
        using var bench = new ModelBench<EntropyDevice>(
            dma => new EntropyDevice(dma.GuestMemory), memory: new SimulatedDmaOptions());
        Loosen(bench);
        OtherDevice owner = OtherDevice.TryCreate(
            DriverRegistry.Find(4)!, bench.OpenTransport(), "rng0", out _)!;
        var shell = new ShellBench();
        shell.Devices.Add(owner);

        string text = shell.Run("conform rng");

        Assert.That(text, Does.Not.Contain("not ok"));
        Assert.That(owner.Run("read", 4, shell: null, out string bytes), Is.Null);
        Assert.That(bytes, Has.Length.EqualTo(8));
        owner.Remove();
    }

    [Test]
    public void Tests_are_listed_without_a_device()
    {
        string[] lines = new ShellBench().Run("conform --list --only blk.").Split('\n');
        Assert.That(lines, Has.Some.Match("^blk.read +MUST +5.2.6.2 +The first and the last sector can be read$"));
        Assert.That(lines, Has.All.StartWith("blk."));
    }

    [TestCase("conform", "error: there is no such device")]
    [TestCase("conform net", "error: there is no such device")]
    [TestCase("conform disk", "usage: conform")]
    [TestCase("conform blk net", "usage: conform")]
    [TestCase("conform --only", "usage: conform")]
    [TestCase("conform --everything", "usage: conform")]
    public void What_cannot_be_judged_is_said_in_one_line(string command, string words)
    {
        string text = new ShellBench().Run(command);
        Assert.That(text, Does.StartWith(words).And.Not.Contain("\n"));
    }

    [Test]
    public void A_test_that_there_is_not_is_named()
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;
        Assert.That(new ShellBench(disk).Run("conform --only blk.raed"), Is.EqualTo("error: there is no such test"));
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
    }

    private static ModelBench<BlockDevice> NewDisk()
    {
        ModelBench<BlockDevice> bench = DiskBench.Create(64, memory: new SimulatedDmaOptions());
        Loosen(bench);
        return bench;
    }

    private static void Loosen<TModel>(ModelBench<TModel> bench)
        where TModel : VirtioDeviceModel
    {
        // Tests do what no driver may.
        bench.ExpectsViolations = true;
        bench.Machine.Time.RelaxStep = 1_000_000;
        foreach (Devices.ModelQueue queue in bench.Model.Queues)
        {
            queue.IsStrict = false;
        }
    }
}
