using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Recording;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests;

/// <summary><c>trace</c>: a device gets memory that is observed, and gets the machine's again.</summary>
[TestFixture]
internal sealed class TraceCommandTests
{
    private const int SectorAndStatus = 513;

    [Test]
    public void A_recording_has_the_ring_of_a_read_and_the_places_that_it_passed()
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;
        var shell = new ShellBench(disk);

        shell.Run("trace start");
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        string text = shell.Run("trace stop serial");

        Recording.Recording recording = Recording.Recording.Read(new StringReader(text));
        RecordedQueue queue = recording.Queues.Single().Queue;
        var memory = new Reconstruction(recording.Header);
        recording.Steps.ForEach(step => memory.Apply(step));
        byte[] slot = memory.Newest(queue.DescriptorArea, 16);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(queue.IsPacked, Is.True);
            Assert.That(slot[8] | (slot[9] << 8), Is.EqualTo(SectorAndStatus), "len");
            Assert.That(slot[14] | (slot[15] << 8), Is.EqualTo(0x8082).Or.EqualTo(0x8080), "used");
            Assert.That(
                recording.Steps.Select(step => step.Site),
                Is.SupersetOf(new[]
                {
                    (int)PackedSites.HeadBodyToDevice, (int)PackedSites.HeadFlagsToDevice,
                    (int)PackedSites.DeviceEventFromDevice, (int)PackedSites.SlotFromDevice,
                }));
            Assert.That(recording.Steps.Select(step => step.Kind), Has.Some.EqualTo(StepKind.Kick));
            Assert.That(text, Does.Match("disk0: recorded [0-9]+ steps, dropped 0, [0-9]+ bytes above$"));
        }
    }

    [Test]
    public void While_nobody_records_the_disk_has_the_machines_own_memory()
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;
        var shell = new ShellBench(disk);
        Assert.That(IsCoherent(disk), Is.True, "before");

        shell.Run("trace start disk0");
        Assert.That(IsCoherent(disk), Is.False, "meanwhile");
        shell.Run("trace stop serial");

        Assert.That(IsCoherent(disk), Is.True, "afterwards");
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Running));
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
    }

    [TestCase("trace", "usage: trace start ")]
    [TestCase("trace stop", "usage: trace start ")]
    [TestCase("trace stop serial", "error: nothing is recorded")]
    [TestCase("trace stop disk 5", "error: there is no disk5")]
    [TestCase("trace start net7", "error: there is no net7")]
    public void What_cannot_be_done_is_refused(string line, string answer)
    {
        using ModelBench<BlockDevice> bench = NewDisk();
        Disk disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out _)!;

        Assert.That(new ShellBench(disk).Run(line), Does.StartWith(answer));
    }

    /// <summary>Whether what the device is given now needs no hand-overs.</summary>
    private static bool IsCoherent(Disk disk)
    {
        Hal.DmaMemory memory = disk.Device.Dma.Allocate(64, 64)!;
        bool isCoherent = memory.IsCoherent;
        memory.Free();
        return isCoherent;
    }

    private static ModelBench<BlockDevice> NewDisk() => DiskBench.Create(64, memory: new SimulatedDmaOptions());
}
