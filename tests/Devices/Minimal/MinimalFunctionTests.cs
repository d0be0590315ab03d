using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Minimal;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Minimal;

/// <summary>The habits of a minimal VMM's devices, register by register.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class MinimalFunctionTests
{
    private const ulong Place = 0xC000_0000;
    private const ulong Request = GuestRam.Base + 0x100000;
    private const ulong Answer = GuestRam.Base + 0x101000;

    private readonly RecordingOutput _output = new();

    [Test]
    public void A_base_address_that_comes_after_decode_is_not_decoded()
    {
        using GuestRam ram = new();
        MinimalFunction function = new(new BlockDevice(ram.Regions, 8), _output);
        function.WriteConfiguration(0x04, 2, 2);
        function.WriteConfiguration(0x10, 4, (uint)Place);
        Assert.That(function.Decode(Place, out _), Is.Null);
        function.WriteConfiguration(0x04, 2, 0);
        function.WriteConfiguration(0x04, 2, 2);
        Assert.That(function.Decode(Place + 0xFF, out ulong offset), Is.Zero);
        Assert.That(offset, Is.EqualTo(0xFF));
        Assert.That(function.Decode(Place + 0x100, out _), Is.Null);
        function.WriteConfiguration(0x10, 4, (uint)Place + 0x1000);
        Assert.That(function.Decode(Place + 0x1000, out _), Is.Zero, "it moves while it is decoded");
    }

    [Test]
    public void Configuration_space_is_memory_but_for_its_base_addresses_and_rom()
    {
        using GuestRam ram = new();
        MinimalFunction function = new(new BlockDevice(ram.Regions, 8), _output, interruptLine: 7);
        Assert.That(function.ReadConfiguration(0x3C, 2), Is.EqualTo(0x0107));
        Assert.That(function.ReadConfiguration(0x08, 4), Is.EqualTo(0x0180_0000));
        foreach (uint offset in new uint[] { 0x14, 0x18, 0x1C, 0x20, 0x24, 0x30 })
        {
            function.WriteConfiguration(offset, 4, uint.MaxValue);
            Assert.That(function.ReadConfiguration(offset, 4), Is.Zero);
        }

        function.WriteConfiguration(0x94, 4, 0x1234_5678);
        Assert.That(function.ReadConfiguration(0x94, 4), Is.EqualTo(0x1234_5678), "the window's data leads nowhere");
        Assert.That(function.ReadConfiguration(0x98, 2), Is.Zero, "the null capability");
        Assert.That(function.ReadConfiguration(0x85, 1), Is.EqualTo(0x98));
        Assert.That(function.ReadConfiguration(0x100, 4), Is.Zero);
        function.WriteConfiguration(0x100, 4, 1);
        Assert.That(function.CanAccessMemory, Is.True, "whatever the command register says");
    }

    [Test]
    public void A_used_descriptor_keeps_the_flags_of_the_driver_and_sets_the_isr_bit_whether_wanted_or_not()
    {
        using GuestRam ram = new();
        BlockDevice disk = new(ram.Regions, 8);
        MinimalFunction function = new(disk, _output);
        HandRing ring = Start(function, ram, FeatureBit.RingPacked);
        ring.SetInterrupts(false);
        ring.Add(new Piece(Request, 16), new Piece(Answer, 513, true));
        function.WriteBar(0, 0x3C, 2, 0);
        disk.Run();
        Assert.That(ram.Get16(GuestRam.Base + 14), Is.EqualTo(0x8081), "NEXT is still there");
        Assert.That(function.IsrStatus, Is.EqualTo(1));
        Assert.That(function.Pulses, Is.Zero);
        Assert.That(function.ReadBar(0, 0x38, 1), Is.EqualTo(1));
        Assert.That(function.ReadBar(0, 0x38, 1), Is.Zero);
        ring.SetInterrupts(true);
        ring.Add(new Piece(Request, 16), new Piece(Answer, 513, true));
        function.WriteBar(0, 0x3C, 2, 0);
        disk.Run();
        Assert.That(_output.LineChanges, Is.EqualTo(new[] { true, false }), "a pulse");
        Assert.That(disk.Findings, Is.Empty);
    }

    [Test]
    public void A_reset_forgets_everything_but_enabled_queues()
    {
        using GuestRam ram = new();
        BlockDevice disk = new(ram.Regions, 8);
        MinimalFunction function = new(disk, _output);
        HandRing ring = Start(function, ram, FeatureBit.RingPacked);
        DeviceQueue before = disk.Queues[0].Ring!;
        function.WriteBar(0, 0x14, 1, 0);
        Assert.That(function.ReadBar(0, 0x14, 1), Is.Zero);
        function.WriteBar(0, 0x16, 2, 0);
        Assert.That(function.ReadBar(0, 0x1C, 2), Is.EqualTo(1));
        function.WriteBar(0, 0x1C, 2, 1);
        Assert.That(disk.Queues[0].Ring, Is.SameAs(before), "enabling it anew changes nothing");
        ring.Add(new Piece(Request, 16), new Piece(Answer, 513, true));
        function.WriteBar(0, 0x3C, 2, 0);
        Assert.That(disk.Run(), Is.Positive, "and it still works");
    }

    [Test]
    public void A_card_writes_what_it_wants_into_the_drivers_own_area()
    {
        using GuestRam ram = new();
        NetDevice card = new(ram.Regions, new byte[6]);
        MinimalFunction function = new(card, _output);
        HandRing ring = Start(function, ram, FeatureBit.RingPacked);
        ring.SetInterrupts(false);
        ulong area = ring.Areas.Driver;
        ring.Add(new Piece(Answer, 2000, true));
        card.Receive(new byte[60]);
        card.Run();
        Assert.That(ram.Get16(area + 2), Is.Zero, "it asked itself for an interrupt");
        Assert.That(function.Pulses, Is.EqualTo(1));
    }

    [Test]
    public void Offers_are_just_those_of_the_vmm_and_queues_no_larger([Values] bool isDisk)
    {
        using GuestRam ram = new();
        VirtioDeviceModel model = isDisk ? new BlockDevice(ram.Regions, 8) : new NetDevice(ram.Regions, new byte[6]);
        model.Queues[0].MaximumSize = 64;
        _ = isDisk ? new MinimalFunction((BlockDevice)model, _output) : new MinimalFunction((NetDevice)model, _output);
        ulong flush = isDisk ? BlockFeature.Flush : 0;
        Assert.That(model.OfferedFeatures, Is.EqualTo(FeatureBit.RingPacked | FeatureBit.Version1 | flush));
        Assert.That(model.Queues[0].MaximumSize, Is.EqualTo(64));
        Assert.That(isDisk || model.Queues[1].MaximumSize == MinimalFunction.LargestQueue, Is.True);
    }

    /// <summary>Reset to DRIVER_OK with a ring of 8 in queue 0.</summary>
    private static HandRing Start(MinimalFunction function, GuestRam ram, ulong features)
    {
        features |= FeatureBit.Version1;
        function.WriteBar(0, 0x14, 1, 0);
        function.WriteBar(0, 0x14, 1, 3);
        for (uint word = 0; word < 2; word++)
        {
            function.WriteBar(0, 0x08, 4, word);
            function.WriteBar(0, 0x0C, 4, (uint)(features >> (int)(32 * word)));
        }

        function.WriteBar(0, 0x14, 1, 0xB);
        HandRing ring = HandRing.Create(true, ram, GuestRam.Base, 8);
        function.WriteBar(0, 0x16, 2, 0);
        function.WriteBar(0, 0x18, 2, 8);
        ulong[] areas = [ring.Areas.Descriptor, ring.Areas.Driver, ring.Areas.Device];
        for (uint i = 0; i < 3; i++)
        {
            function.WriteBar(0, 0x20 + (8 * i), 4, (uint)areas[i]);
            function.WriteBar(0, 0x24 + (8 * i), 4, (uint)(areas[i] >> 32));
        }

        function.WriteBar(0, 0x1C, 2, 1);
        function.WriteBar(0, 0x14, 1, 0xF);
        return ring;
    }
}
