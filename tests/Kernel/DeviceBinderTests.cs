using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Drivers.Virtio.Tests.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What is found where, on a machine with neither ports nor firmware.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class DeviceBinderTests
{
    private const ulong Window = 0xE0000000;
    private const ushort Console = 3;
    private const uint VersionRegister = 0x004;
    private const uint StatusRegister = 0x070;

    private readonly RecordingOutput _output = new();

    [Test]
    public void A_disk_that_the_command_line_names_is_brought_up()
    {
        using ModelBench<BlockDevice> bench = new(memory => new BlockDevice(memory.GuestMemory, 2048), isMmio: true);
        bench.AddMmio();
        DeviceInventory inventory = Bind(bench.Machine, "virtio_mmio.device=352@0xfeb00e00:12");

        Assert.That(inventory.Disks, Has.Count.EqualTo(1));
        Assert.That(inventory.FindName("0xfeb00e00"), Is.EqualTo("disk0"));
        Assert.That(_output.Lines[0], Is.EqualTo("no PCI configuration space: no PCI devices"));
        Assert.That(_output.Lines[1], Does.StartWith("disk0: virtio-blk at 0xfeb00e00, 2048 sectors"));
        Assert.That(bench.Model.Status, Is.EqualTo(0xF));
        Assert.That(((Disk)inventory.Disks[0]).Device.Transport.InterruptKind, Is.EqualTo("interrupt line 12"));
        bench.Machine.Messages.IsQueued = true;
        bench.Machine.Messages.PulseLine(12);
        Assert.That(bench.Machine.Messages.Deliver(), Is.EqualTo(1), "it is the disk that waits there");
    }

    [Test]
    public void Places_without_a_usable_device_cost_a_line_or_nothing()
    {
        using var machine = new SimulatedMachine { LastMappable = 0x4FFFF };
        List<string> legacy = AddDevice(machine, 0x10000, DeviceTypes.Block, isLegacy: true);
        List<string> empty = AddDevice(machine, 0x20000, DeviceTypes.None);
        List<string> console = AddDevice(machine, 0x30000, Console);
        AddDevice(machine, 0x40000, DeviceTypes.Block, FeatureBit.RingPacked);
        DeviceInventory inventory = Bind(
            machine,
            "virtio_mmio.device=512@0x10000:5 virtio_mmio.device=512@0x20000:6 virtio_mmio.device=512@0x30000:7 "
            + "virtio_mmio.device=512@0x40000:9 virtio_mmio.device=512@0x50000:10");

        Assert.That(inventory.VirtioDevices, Is.Empty);
        Assert.That(_output.Lines.Skip(1), Is.EqualTo(new[]
        {
            "0x10000 offers the legacy interface only (virtio-mmio version 1): skipped",
            "0x30000: virtio-console has no driver: skipped",
            "0x40000: virtio-blk offers the legacy interface only (no VERSION_1): skipped",
            "0x50000 cannot be mapped: skipped",
        }));
        Assert.That(legacy, Is.Empty);
        Assert.That(empty, Is.Empty);
        Assert.That(console, Is.EqualTo(new[] { "status=0" }), "firmware may have left it running");
    }

    [Test]
    public void A_driver_that_was_added_to_the_registry_is_bound()
    {
        SampleDriver.Register();
        using var machine = new SimulatedMachine();
        AddDevice(machine, 0xfeb00e00, SampleDriver.SampleType);

        OtherDevice other = Bind(machine, "virtio_mmio.device=256@0xfeb00e00:12").Others.Single();

        Assert.That(_output.Lines[1], Does.StartWith("sample0: ").And.EndsWith(" at 0xfeb00e00, packed ring"));
        Assert.That((other.Run("double", 21, null, out string result), result), Is.EqualTo(((Failure?)null, "42")));
    }

    [Test]
    public void A_device_that_does_not_confirm_its_reset_is_named()
    {
        using ModelBench<BareDevice> bench = new(memory => new BareDevice(memory.GuestMemory, Console), isMmio: true);
        bench.AddMmio();
        bench.Mmio!.Registers.Write32(StatusRegister, StatusBit.Acknowledge);
        bench.Model.ResetDelay = int.MaxValue;
        Bind(bench.Machine, "virtio_mmio.device=256@0xfeb00e00:12");
        Assert.That(_output.Lines[1], Is.EqualTo("0xfeb00e00: does not finish its reset: cut off"));
    }

    [Test]
    public void Configuration_space_in_memory_is_used_where_there_are_no_ports()
    {
        using var machine = new SimulatedMachine();
        machine.AddRegisters(Window, new OneFunction());
        DeviceInventory inventory = Bind(machine, "", Describe(Window, 0, 0));
        Assert.That(_output.Lines, Is.EqualTo(new[] { "pci: configuration space at 0xe0000000, buses 0 to 255" }));
        Assert.That(inventory.Functions.Length, Is.EqualTo(1));
        Assert.That(inventory.Functions[0].ConfigurationLength, Is.EqualTo(0x1000));
    }

    [Test]
    public void A_window_that_is_of_no_use_is_named()
    {
        using var machine = new SimulatedMachine();
        machine.AddRegisters(0xD0000000, new Zeros());
        machine.AddRegisters(Window, new OneFunction());
        DeviceInventory inventory = Bind(
            machine, "", Describe(0xC0000000, 0, 0), Describe(0xD0000000, 0, 0), Describe(Window, 1, 0));
        Assert.That(_output.Lines, Is.EqualTo(new[]
        {
            "pci: configuration space at 0xc0000000 is not what it should be: not used",
            "pci: configuration space at 0xd0000000 is not what it should be: not used",
            "pci: configuration space at 0xe0000000 is of another segment or bus: not used",
            "no PCI configuration space: no PCI devices",
        }));
        Assert.That(inventory.Functions.Length, Is.Zero);
    }

    [Test]
    public void The_windows_of_configuration_space_are_known_as_taken()
    {
        AddressRange[] ranges = [.. ConfigurationSpace.Ranges([Describe(Window, 0, 16)])];
        Assert.That(ranges[0].Start, Is.EqualTo(0xE1000000));
        Assert.That(ranges[0].Last, Is.EqualTo(0xEFFFFFFF));
    }

    private static ConfigurationWindow Describe(ulong start, ushort segment, byte firstBus) =>
        new() { BaseAddress = start, Segment = segment, FirstBus = firstBus, LastBus = 255 };

    private DeviceInventory Bind(
        SimulatedMachine machine, string commandLine, params ConfigurationWindow[] windows) =>
        new DeviceBinder(machine, _output).Bind(new FirmwareDescription
        {
            MemoryMap = [],
            ConfigurationWindows = windows,
            CommandLine = commandLine,
        });

    /// <summary>Puts a device that nobody drives over MMIO into a machine.</summary>
    /// <returns>What is written to its registers.</returns>
    private static List<string> AddDevice(
        SimulatedMachine machine,
        ulong place,
        ushort type,
        ulong features = FeatureBit.Version1 | FeatureBit.RingPacked,
        bool isLegacy = false)
    {
        var writes = new List<string>();
        var model = new BareDevice(machine.Memory.GuestMemory, type, queues: 1, configurationLength: 0x60)
        {
            OfferedFeatures = features,
            OnRegisterWrite = writes.Add,
        };
        var random = new SeededRandom(1);
        var device = new HostileRegisters(
            new MmioDevice(model, machine.Messages.OutputTo(5)), random, Hostility.None);
        if (isLegacy)
        {
            device.Lies.Add(new RegisterLie(VersionRegister, 4, LieKind.Constant, 1, 0, random));
        }

        machine.AddRegisters(place, device.Registers);
        return writes;
    }

    /// <summary>Configuration space in which nothing makes sense.</summary>
    private sealed class Zeros() : RegisterWindow(0x10000000)
    {
        protected override uint Read(uint offset, int width) => 0;

        protected override void Write(uint offset, int width, uint value)
        {
        }
    }

    /// <summary>Configuration space in which 00:03.0 answers, a device of no known kind without ranges.</summary>
    private sealed class OneFunction() : RegisterWindow(0x10000000)
    {
        private readonly byte[] _space = [0x34, 0x12, 0x78, 0x56, .. new byte[0xFFC]];

        protected override uint Read(uint offset, int width)
        {
            uint value = uint.MaxValue;
            for (int i = width - 1; i >= 0 && offset >> 12 == 3 << 3; i--)
            {
                value = (value << 8) | _space[(offset & 0xFFF) + i];
            }

            return value;
        }

        protected override void Write(uint offset, int width, uint value)
        {
            // Of what enumeration writes, only the command register is there.
            if (offset >> 12 == 3 << 3 && (offset & 0xFFF) == 4)
            {
                _space[4] = (byte)value;
                _space[5] = (byte)(value >> 8);
            }
        }
    }
}
