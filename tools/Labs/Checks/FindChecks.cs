using System.Collections.Generic;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 1: find the device.</summary>
internal static class FindChecks
{
    private const ushort Virtio = 0x1AF4;
    private const ushort Entropy = 4;
    private const ushort ModernEntropy = 0x1044;
    private const ushort LegacyEntropy = 0x1005;
    private const ulong Low = SimulatedMachine.PciWindow;
    private const ulong High = 0x8_0000_0000;
    private const uint RangeLength = 0x10000;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("finds the device among others", 20, "virtio 1.4, 4.1.2.1", FindsAmongOthers),
        new LabCheck(
            "does not take a legacy device for a modern one", 10, "virtio 1.4, 4.1.2 and 4.1.2.3", PassesLegacy),
        new LabCheck("walks the list of capabilities", 20, "PCI 3.0, 6.7; virtio 1.4, 4.1.4", Walks),
        new LabCheck(
            "adds offset and base address, which may have 64 bits", 20, "PCI 3.0, 6.2.5.1; virtio 1.4, 4.1.4", Wide),
        new LabCheck("passes over capabilities that it does not know", 15, "virtio 1.4, 4.1.4.1", PassesUnknown),
        new LabCheck("switches memory decoding and bus mastering on", 10, "PCI 3.0, 6.2.2", SwitchesOn),
        new LabCheck("gives up where a structure is missing", 5, "virtio 1.4, 4.1.4", GivesUp),
    ];

    private static void FindsAmongOthers(StudentCode code)
    {
        using Bus bus = new Bus(code);
        bus.Machine.Bus.Add(0, new FakeFunction(0x8086, 0x29C0));
        bus.Machine.Bus.Add(2, new FakeFunction(0x8086, ModernEntropy));
        bus.Machine.Bus.Add(3, new FakeFunction(Virtio, 0x1041));
        bus.Machine.Bus.Add(5, new FakeFunction(Virtio, ModernEntropy));
        bus.Machine.Bus.Add(6, new FakeFunction(Virtio, ModernEntropy));
        byte? found = bus.Find(Entropy);
        Expect.That(
            found != 2,
            "device 2 was taken: its device ID is 0x1044, but its vendor is 0x8086",
            "vendor 0x1AF4 and device ID 0x1040 + 4");
        Expect.That(
            found != 3,
            "device 3 was taken: it is virtio's, but its device ID 0x1041 is a network card's",
            "vendor 0x1AF4 and device ID 0x1040 + 4");
        Expect.That(
            found != 6, "device 6 was taken, and device 5 is an entropy device as well", "the first one, device 5");
        Expect.That(found == 5, $"{Name(found)} was found", "device 5: vendor 0x1AF4, device ID 0x1044");
        using Bus last = new Bus(code);
        last.Machine.Bus.Add(31, new FakeFunction(Virtio, 0x1042));
        byte? end = last.Find(2);
        Expect.That(end == 31, $"{Name(end)} was found", "device 31, the last one of the bus: numbers are 0 to 31");
    }

    private static void PassesLegacy(StudentCode code)
    {
        using Bus bus = new Bus(code);
        bus.Machine.Bus.Add(4, new FakeFunction(Virtio, LegacyEntropy));
        bus.Machine.Bus.Add(5, new FakeFunction(Virtio, 0x1003));
        byte? found = bus.Find(Entropy);
        Expect.That(
            found is null,
            $"{Name(found)} was taken. Its device ID is below 0x1040: a legacy device, whose registers are others",
            "null: 0x1000 to 0x103F are the IDs of legacy and transitional devices, and follow another rule");
        using Bus empty = new Bus(code);
        Expect.That(empty.Find(Entropy) is null, "a device was found on an empty bus", "null");
    }

    private static void Walks(StudentCode code)
    {
        FakeFunction function = new FakeFunction(Virtio, ModernEntropy)
            .Range(1, Low, RangeLength)
            .Range(3, Low + RangeLength, RangeLength)
            .Structure(0xA0, 4, 1, 0x2000, 0x20)
            .Capability(0x70, 0x11, 3, 0, 0, 0)
            .Structure(0x40, 2, 3, 0x3000, 0x100, multiplier: 8)
            .Capability(0x84, 0x01, 3, 0)
            .Structure(0xD0, 1, 1, 0x1000, 0x38)
            .Structure(0x60, 3, 3, 0, 1);
        using Bus bus = new Bus(code);
        bus.Machine.Bus.Add(7, function);
        VirtioFunction device = bus.Open(7);
        Stamped(device.Common, "Common", 1, 0x1000);
        Stamped(device.Notify, "Notify", 3, 0x3000);
        Stamped(device.Specific, "Specific", 1, 0x2000);
        Expect.That(
            device.Isr.Length != 0 && device.Isr.Read8(0) == (byte)FakeFunction.Stamp(3, 0),
            "Isr does not begin at offset 0 of BAR 3",
            "where its capability says");
        Expect.That(
            device.NotifyMultiplier == 8,
            $"NotifyMultiplier is {device.NotifyMultiplier}",
            "8: the 32 bits at offset 16 of the notification capability (4.1.4.4)");
        Expect.That(device.Device == 7, $"Device is {device.Device}", "the number that Open was given, 7");
    }

    private static void Wide(StudentCode code)
    {
        FakeFunction function = new FakeFunction(Virtio, ModernEntropy)
            .Range(0, Low, 0x1000)
            .Range(4, High + 0x40000, RangeLength, isWide: true)
            .Structure(0x40, 1, 4, 0x5000, 0x38)
            .Structure(0x50, 2, 4, 0x6000, 0x10, multiplier: 4)
            .Structure(0x70, 3, 4, 0x7000, 4);
        using Bus bus = new Bus(code);
        bus.Machine.AddRegisters(High, bus.Machine.Bus.MapMmio(High, 0x100000));
        bus.Machine.Bus.Add(1, function);
        VirtioFunction device = bus.Open(1);
        Stamped(device.Common, "Common", 4, 0x5000);
        Stamped(device.Notify, "Notify", 4, 0x6000);
        Expect.That(
            device.Specific is null,
            "Specific is not null, and this device has no such structure",
            "null: an entropy device has no configuration");
    }

    private static void PassesUnknown(StudentCode code)
    {
        FakeFunction function = new FakeFunction(Virtio, ModernEntropy)
            .Range(0, Low, RangeLength)
            .Range(2, Low + RangeLength, RangeLength)
            .Structure(0x40, 5, 0, 0, 0)
            .Structure(0x58, 1, 6, 0x100, 0x38)
            .Structure(0x68, 9, 0, 0, 0x10)
            .Structure(0x78, 1, 0, 0x1000, 0x38)
            .Structure(0x88, 1, 2, 0x4000, 0x38)
            .Structure(0x98, 2, 0, 0x2000, 0x10, multiplier: 4)
            .Structure(0xB0, 2, 2, 0x5000, 0x10, multiplier: 2)
            .Structure(0xC8, 3, 0, 0x3000, 4)
            .Capability(0xE0, 0x10, 2, 0);
        using Bus bus = new Bus(code);
        bus.Machine.Bus.Add(1, function);
        VirtioFunction device = bus.Open(1);
        Stamped(device.Common, "Common", 0, 0x1000, "the first one whose BAR is 0 to 5: values above are reserved");
        Stamped(device.Notify, "Notify", 0, 0x2000, "the first one: a device puts the best first");
        Expect.That(
            device.NotifyMultiplier == 4,
            $"NotifyMultiplier is {device.NotifyMultiplier}, which is that of another capability",
            "4: multiplier and place come from the same capability");
    }

    private static void SwitchesOn(StudentCode code)
    {
        const ushort NoPinInterrupts = 1 << 10;
        FakeFunction function = Plain(NoPinInterrupts);
        using Bus bus = new Bus(code);
        bus.Machine.Bus.Add(1, function);
        bus.Open(1);
        ushort command = function.CommandRegister;
        Expect.That(
            (command & 2) != 0,
            $"the command register is 0x{command:x4}: memory decoding (bit 1) is off, so no register answers",
            "bit 1 is set before a register is accessed");
        Expect.That(
            (command & 4) != 0,
            $"the command register is 0x{command:x4}: bus mastering (bit 2) is off, so the device reaches no memory",
            "bit 2 is set; without it the device never sees a ring, and everything hangs");
        Expect.That(
            (command & NoPinInterrupts) != 0,
            $"the command register became 0x{command:x4}, and bit 10 is lost that was set before",
            "the register is read, two bits are added, and it is written back");
        Expect.That(
            function.StrangeWrites == 0,
            "another register of configuration space was written",
            "only the command register; capabilities are never written (4.1.4.1)");
    }

    private static void GivesUp(StudentCode code)
    {
        using Bus bus = new Bus(code);
        bus.Machine.Bus.Add(
            1,
            new FakeFunction(Virtio, ModernEntropy)
                .Range(0, Low, RangeLength)
                .Structure(0x40, 1, 0, 0, 0x38)
                .Structure(0x50, 3, 0, 0x100, 1));
        bus.Machine.Bus.Add(2, new FakeFunction(Virtio, ModernEntropy).Range(0, Low, RangeLength));
        Expect.That(
            bus.TryOpen(1) is null, "a device was opened that has no notification structure", "null");
        Expect.That(
            bus.TryOpen(2) is null,
            "a device was opened whose status register says that it has no capabilities (bit 4 is clear)",
            "null: bit 4 of the PCI status register is looked at before the pointer at 0x34");
    }

    private static FakeFunction Plain(ushort command = 0) => new FakeFunction(Virtio, ModernEntropy, command)
        .Range(0, Low, RangeLength)
        .Structure(0x40, 1, 0, 0, 0x38)
        .Structure(0x50, 2, 0, 0x2000, 0x10, multiplier: 4)
        .Structure(0x68, 3, 0, 0x3000, 4);

    private static string Name(byte? device) => device is null ? "nothing" : $"device {device}";

    /// <summary>Whether registers are those that a capability tells of.</summary>
    private static void Stamped(
        RegisterRegion? region, string name, int bar, uint offset, string expected = "where its capability says")
    {
        if (region is null)
        {
            throw new CheckFailedException(new Finding(
                string.Empty, $"{name} is null", $"the registers at offset 0x{offset:x} of BAR {bar}"));
        }

        uint seen = region.Read32(0);
        string place = (seen & 0xF000_0000) == 0xB000_0000
            ? $"begins at offset 0x{seen & 0xFFFFFF:x} of BAR {(seen >> 24) & 7}"
            : $"is where nobody answers (it reads 0x{seen:x})";
        Expect.That(
            seen == FakeFunction.Stamp(bar, offset),
            $"{name} {place}",
            $"offset 0x{offset:x} of BAR {bar}, {expected}");
    }

    private sealed class Bus : System.IDisposable
    {
        private readonly DeviceFinder _finder;
        private readonly LabMachine _lab;

        public Bus(StudentCode code)
        {
            _finder = code.Create<DeviceFinder>();
            _lab = new LabMachine(
                Machine,
                Machine.Bus,
                new Watchdog(
                    () => { },
                    () => 0,
                    () => "configuration space does not change. Does a walk come back to where it began?"));
        }

        public SimulatedMachine Machine { get; } = new();

        public byte? Find(ushort type) => _finder.Find(_lab, type);

        public VirtioFunction? TryOpen(byte device) => _finder.Open(_lab, device);

        public VirtioFunction Open(byte device) => TryOpen(device) ?? throw new CheckFailedException(new Finding(
            string.Empty,
            "Open gave null",
            "the device: it has a common, a notification and an ISR structure, told of by its capabilities"));

        public void Dispose() => Machine.Dispose();
    }
}
