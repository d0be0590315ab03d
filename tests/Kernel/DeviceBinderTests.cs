using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Drivers.Virtio.Tests.Devices;
using VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What is found where, on a machine with neither ports nor firmware.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class DeviceBinderTests
{
    private const ulong Window = 0xE0000000;

    private readonly RecordingOutput _output = new();

    [Test]
    public void A_disk_that_the_command_line_names_is_brought_up()
    {
        using RegisterMachine machine = new();
        MmioBlock disk = new MmioBlock(1, 0x60).In(machine);
        disk.Configuration[1] = 8;
        DeviceInventory inventory = Bind(machine, "virtio_mmio.device=352@0xfeb00e00:12");

        Assert.That(inventory.Disks, Has.Count.EqualTo(1));
        Assert.That(inventory.FindName("0xfeb00e00"), Is.EqualTo("disk0"));
        Assert.That(_output.Lines[0], Is.EqualTo("no PCI configuration space: no PCI devices"));
        Assert.That(_output.Lines[1], Does.StartWith("disk0: virtio-blk at 0xfeb00e00, 2048 sectors"));
        Assert.That(disk.Status.Value, Is.EqualTo(0xF));
        Assert.That(disk.Violations, Is.Empty);
        Assert.That(machine.Messages.LineNumber, Is.EqualTo(12));
    }

    [Test]
    public void Places_without_a_usable_device_cost_a_line_or_nothing()
    {
        using RegisterMachine machine = new();
        var legacy = new MmioBlock(1, 0) { Version = 1 };
        var empty = new MmioBlock(1, 0) { DeviceType = 0 };
        var console = new MmioBlock(1, 0) { DeviceType = 3 };
        var refusing = new MmioBlock(1, 0x60) { Offered = 1UL << 34 };
        machine.Add(0x10000, 0x200, legacy);
        machine.Add(0x20000, 0x200, empty);
        machine.Add(0x30000, 0x200, console);
        machine.Add(0x40000, 0x200, refusing);
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
        Assert.That(legacy.Writes, Is.Empty);
        Assert.That(empty.Writes, Is.Empty);
        Assert.That(console.Writes, Is.EqualTo(new[] { "Status=0" }), "firmware may have left it running");
    }

    [Test]
    public void A_driver_that_was_added_to_the_registry_is_bound()
    {
        SampleDriver.Register();
        using RegisterMachine machine = new();
        new MmioBlock(1, 0) { DeviceType = SampleDriver.SampleType }.In(machine);

        OtherDevice other = Bind(machine, "virtio_mmio.device=256@0xfeb00e00:12").Others.Single();

        Assert.That(_output.Lines[1], Does.StartWith("sample0: ").And.EndsWith(" at 0xfeb00e00, packed ring"));
        Assert.That((other.Run("double", 21, null, out string result), result), Is.EqualTo(((Failure?)null, "42")));
    }

    [Test]
    public void A_device_that_does_not_confirm_its_reset_is_named()
    {
        using RegisterMachine machine = new();
        MmioBlock console = new MmioBlock(1, 0) { DeviceType = 3 }.In(machine);
        console.Status.LooksPerChange = -1;
        Bind(machine, "virtio_mmio.device=256@0xfeb00e00:12");
        Assert.That(_output.Lines[1], Is.EqualTo("0xfeb00e00: does not finish its reset: cut off"));
    }

    [Test]
    public void Configuration_space_in_memory_is_used_where_there_are_no_ports()
    {
        using RegisterMachine machine = new();
        machine.Add(Window, 0x10000000, new OneFunction());
        DeviceInventory inventory = Bind(machine, "", Describe(Window, 0, 0));
        Assert.That(_output.Lines, Is.EqualTo(new[] { "pci: configuration space at 0xe0000000, buses 0 to 255" }));
        Assert.That(inventory.Functions.Length, Is.EqualTo(1));
        Assert.That(inventory.Functions[0].ConfigurationLength, Is.EqualTo(0x1000));
    }

    [Test]
    public void A_window_that_is_of_no_use_is_named()
    {
        using RegisterMachine machine = new();
        machine.Add(0xD0000000, 0x10000000, new ByteBlock(0x10000000));
        machine.Add(Window, 0x10000000, new OneFunction());
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
        RegisterMachine machine, string commandLine, params ConfigurationWindow[] windows) =>
        new DeviceBinder(machine, _output).Bind(new FirmwareDescription
        {
            MemoryMap = [],
            ConfigurationWindows = windows,
            CommandLine = commandLine,
        });

    /// <summary>Configuration space in which 00:03.0 answers, a device of no known kind without ranges.</summary>
    private sealed class OneFunction : RegisterBlock
    {
        private readonly ByteBlock _space = new(0x1000);

        public OneFunction()
        {
            _space.Write(0, 4, 0x56781234);
        }

        public override uint Read(ulong offset, int width) =>
            offset >> 12 == 3 << 3 ? _space.Read(offset & 0xFFF, width) : uint.MaxValue;

        public override void Write(ulong offset, int width, uint value)
        {
            // Of what enumeration writes, only the command register is there.
            if (offset >> 12 == 3 << 3 && (offset & 0xFFF) == 4)
            {
                _space.Write(4, Math.Min(width, 2), value);
            }
        }
    }
}
