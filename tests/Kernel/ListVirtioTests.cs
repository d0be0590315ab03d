using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What <c>lsvirtio</c> says of devices: what was chosen, and why.</summary>
[TestFixture]
internal sealed class ListVirtioTests
{
    private const int SizeMaxField = 8;

    [Test]
    public void A_device_is_shown_with_all_that_was_chosen()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= BlockFeature.Flush | BlockFeature.SizeMaximum | BlockFeature.Zoned;
        bench.SetField(SizeMaxField, 1 << 20);
        ShellBench shell = Start(bench);
        shell.Run("blk 0 checksum 0 64");

        string[] lines = shell.Run("lsvirtio").Split('\n');

        Assert.That(lines[0], Does.Match("^disk0: virtio-blk, virtio-pci at [0-9a-f:.]+, packed ring, .+, running$"));
        Assert.That(lines, Does.Contain("    interrupts: 2 of 8 vectors are used; 0 for changes"));
        Assert.That(lines, Does.Contain("    features: SIZE_MAX FLUSH VERSION_1 RING_PACKED"));
        Assert.That(lines, Does.Contain("    offered, not in the driver: ZONED"));
        Assert.That(lines, Has.Some.Match("^    not offered: .*INDIRECT_DESC EVENT_IDX.*"));
        Assert.That(
            lines,
            Has.Some.Match(
                "^    queue 0 requestq1: 64 descriptors, vector 1, 1 added, 1 used, 0 in flight, 1 notifications, "
                + "1 interrupts$"));
        Assert.That(
            lines,
            Does.Contain(
                "        256 descriptors wanted, 64 possible, no indirect tables, no event index, "
                + "notified at 0xe0003000 (4 bytes per queue)"));
        Assert.That(lines, Does.Contain("    blocks: 512 bytes"));
        Assert.That(lines, Does.Contain("    requests: up to 1 segments of 1048576 bytes"));
        Assert.That(lines, Does.Contain("    cache: writeback"));
        Assert.That(lines, Does.Contain("    zones: none"));
        Assert.That(lines, Does.Contain("    quarantined: 0 bytes"));
        Assert.That(lines, Does.Contain("    reads: 1"));
        Assert.That(string.Join('\n', lines), Does.Not.Contain("brought up again"));
    }

    [Test]
    public void Why_a_line_is_used_is_told()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= FeatureBit.IndirectDescriptors | FeatureBit.EventIndex;
        bench.Options = new PciFunctionOptions { VectorCount = 0 };
        ShellBench shell = Start(bench);

        string[] lines = shell.Run("lsvirtio").Split('\n');

        Assert.That(lines[0], Does.EndWith("packed ring, INTx line 11, running"));
        Assert.That(lines, Does.Contain("    transport: modern device, "));
        Assert.That(lines, Does.Contain("    interrupts: the function has no MSI-X; 0 for changes"));
        Assert.That(lines, Has.Some.Contain("64 descriptors, line, 0 added"));
        Assert.That(lines, Has.Some.Contain("64 possible, indirect tables of 64, event index"));
    }

    [TestCase(2, "MSI-X, queues share a vector", "2 of the 3 vectors that it would take are there")]
    [TestCase(1, "MSI-X, one vector", "1 of the 2 vectors that it would take are there")]
    public void Why_vectors_are_shared_is_told(int vectors, string kind, string reason)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = vectors };

        string[] lines = Start(bench).Run("lsvirtio").Split('\n');

        Assert.That(lines[0], Does.EndWith($", packed ring, {kind}, running"));
        Assert.That(lines, Does.Contain($"    interrupts: {reason}; 0 for changes"));
    }

    [TestCase(2, "the device does not map 3 vectors")]
    [TestCase(1, "the device does not map 2 vectors")]
    public void What_the_device_refuses_is_told(int mappable, string reason)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 8, MappableVectors = mappable };
        Assert.That(Start(bench).Run("lsvirtio"), Does.Contain($"\n    interrupts: {reason}; 0 for changes\n"));
    }

    [TestCase(2, "the machine has only 2 messages left for it")]
    [TestCase(1, "the machine has only 1 messages left for it")]
    public void What_the_machine_is_short_of_is_told(int messages, string reason)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Machine.Messages.MessagesLeft = messages;
        Assert.That(Start(bench).Run("lsvirtio"), Does.Contain($"\n    interrupts: {reason}; 0 for changes\n"));
    }

    [Test]
    public void Without_messages_the_machine_is_the_reason()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Machine.Messages.MessagesExist = false;
        Assert.That(
            Start(bench).Run("lsvirtio"), Does.Contain("\n    interrupts: the machine takes no messages; "));
    }

    [Test]
    public void Interrupts_are_counted_by_queue_and_for_changes()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        ShellBench shell = Start(bench);
        bench.Model.SendUsedNotification(bench.Model.Queues[0]);
        bench.Model.SendUsedNotification(bench.Model.Queues[0]);
        bench.Model.ChangeConfiguration(() => { });

        string text = shell.Run("lsvirtio");

        Assert.That(text, Does.Match("(?m)queue 0 receiveq1: .* 2 interrupts$"));
        Assert.That(text, Does.Match("(?m)queue 1 transmitq1: .* 0 interrupts$"));
        Assert.That(text, Does.Contain("vectors are used; 1 for changes\n"));
    }

    [Test]
    public void Lengths_that_a_device_got_wrong_are_told()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        ShellBench shell = Start(bench);
        shell.Run("blk 0 checksum 0 8");
        Assert.That(shell.Run("lsvirtio"), Does.Not.Contain("used lengths"));
        bench.Model.Queues[0].ForcedLength = uint.MaxValue;
        shell.Run("blk 0 checksum 0 8");

        Assert.That(
            shell.Run("lsvirtio").Split('\n'),
            Does.Contain("        used lengths beyond the buffer, and cut to it: 1"));
    }

    [Test]
    public void A_feature_that_makes_no_sense_is_told()
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mtu: 0);
        bench.Model.OfferedFeatures |= NetFeature.Mtu;
        Assert.That(
            Start(bench).Run("lsvirtio"), Does.Contain("\n    offered, without a sensible configuration: MTU\n"));
    }

    [Test]
    public void What_the_device_does_not_confirm_is_told()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        ShellBench shell = Start(bench);
        bench.Model.RefusesFeatures = true;

        bench.Model.SetNeedsReset("for the test");

        string[] lines = shell.Run("lsvirtio").Split('\n');
        Assert.That(lines[0], Does.EndWith(", none ring, none, stopped"));
        Assert.That(lines[1], Is.EqualTo("    trouble: the device did not accept the features VERSION_1 RING_PACKED"));
        Assert.That(lines, Does.Contain("    offered, not confirmed: VERSION_1 RING_PACKED"));
    }

    [Test]
    public void A_device_over_MMIO_tells_its_places()
    {
        using ModelBench<BlockDevice> bench = new(memory => new BlockDevice(memory.GuestMemory, 2048), isMmio: true);
        bench.Model.FalseFeatures = FeatureBit.NotificationConfigurationData;
        bench.AddMmio();
        DeviceInventory devices = new DeviceBinder(bench.Machine, new RecordingOutput()).Bind(new FirmwareDescription
        {
            MemoryMap = [],
            ConfigurationWindows = [],
            CommandLine = "virtio_mmio.device=352@0xfeb00e00:12",
        });
        var shell = new ShellBench();
        shell.Devices.Add(devices.VirtioDevices[0]);

        string text = shell.Run("lsvirtio");

        Assert.That(text, Does.Match("^disk0: virtio-blk, virtio-mmio at 0xfeb00e00, .* interrupt line 12, running\n"));
        Assert.That(text, Does.Contain("\n    transport: version 2\n"));
        Assert.That(text, Does.Contain("\n    interrupts: the transport has one line; 0 for changes\n"));
        Assert.That(text, Does.Contain("\n    offered, not for the transport: NOTIF_CONFIG_DATA\n"));
        Assert.That(text, Does.Contain(", notified at 0xfeb00e50 (one place for all queues)\n"));
    }

    private static ShellBench Start(ModelBench<BlockDevice> bench)
    {
        Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        var shell = new ShellBench(disk!);
        shell.Devices.Add(disk!.Device);
        return shell;
    }

    private static ShellBench Start(ModelBench<NetDevice> bench)
    {
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.PlanLook = static () => { };
        var shell = new ShellBench(port: new NetworkPort("net0", link!));
        shell.Devices.Add(link!.Device);
        return shell;
    }
}
