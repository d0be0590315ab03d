using System;
using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Tests.Support;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Tests.Memory;

/// <summary>Translation and its bounds.</summary>
internal sealed unsafe class GuestMemoryTests
{
    private GuestRam _ram = null!;

    [SetUp]
    public void Prepare() => _ram = new GuestRam();

    [TearDown]
    public void Free() => _ram.Dispose();

    [TestCase(GuestRam.Base, 1UL, true)]
    [TestCase(GuestRam.Base, (ulong)GuestRam.Length, true)]
    [TestCase(GuestRam.Base, (ulong)GuestRam.Length + 1, false)]
    [TestCase(GuestRam.Base + GuestRam.Length - 1, 1UL, true)]
    [TestCase(GuestRam.Base + GuestRam.Length, 1UL, false)]
    [TestCase(GuestRam.Base - 1, 2UL, false)]
    [TestCase(GuestRam.Base + 8, ulong.MaxValue, false)]
    [TestCase(ulong.MaxValue, 2UL, false)]
    [TestCase(GuestRam.Base, 0UL, false)]
    public void Only_what_lies_wholly_in_a_region_is_reachable(ulong address, ulong length, bool isReachable) =>
        Assert.That(_ram.Regions.IsReachable(address, length, GuestAccess.ReadWrite), Is.EqualTo(isReachable));

    [Test]
    public void A_region_may_be_for_reading_only()
    {
        byte* bytes = stackalloc byte[16];
        _ram.Regions.Add(bytes, 0x1000, 16, GuestAccess.Read);

        Assert.That(_ram.Regions.TryRead(0x1000, new byte[16]), Is.True);
        Assert.That(_ram.Regions.TryWrite(0x1000, new byte[1]), Is.False);
        Assert.That(_ram.Regions.TryMap(0x1000, 4, GuestAccess.ReadWrite), Is.Null);
    }

    [Test]
    public void A_region_that_was_removed_is_gone_and_its_place_is_free()
    {
        byte* bytes = stackalloc byte[16];
        _ram.Regions.Add(bytes, 0x1000, 16);
        Assert.That(_ram.Regions.IsReachable(0x1000, 4, GuestAccess.Read), Is.True);
        Assert.That(_ram.Regions.Remove(0x1000), Is.True);
        Assert.That(_ram.Regions.IsReachable(0x1000, 4, GuestAccess.Read), Is.False);
        Assert.That(_ram.Regions.Remove(0x1000), Is.False);

        _ram.Regions.Add(bytes, 0x1008, 16);
        Assert.That(_ram.Regions.IsReachable(0x1008, 16, GuestAccess.Read), Is.True);
    }

    [TestCase(0x0FF8UL, 9UL)]
    [TestCase(0x1008UL, 1UL)]
    [TestCase(0x1000UL, 0UL)]
    [TestCase(ulong.MaxValue, 2UL)]
    public void A_region_that_overlaps_or_wraps_or_is_empty_is_refused(ulong address, ulong length)
    {
        byte* bytes = stackalloc byte[16];
        _ram.Regions.Add(bytes, 0x1000, 16);
        nint place = (nint)bytes;

        Assert.That(() => _ram.Regions.Add((byte*)place, address, length), Throws.ArgumentException);
    }

    [Test]
    public void An_area_ends_where_it_ends()
    {
        GuestArea area = _ram.Regions.TryMap(GuestRam.Base + 8, 6, GuestAccess.ReadWrite)!;
        area.Store16(4, 0x1234);

        Assert.That(_ram.Get16(GuestRam.Base + 12), Is.EqualTo(0x1234));
        Assert.That(() => area.Load32(4), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => area.Load16(uint.MaxValue), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase(0u, 33)]
    [TestCase(1u, 32)]
    [TestCase(7u, 3)]
    [TestCase(2u, 6)]
    public void Under_a_simulation_copies_are_made_of_accesses_that_it_sees(uint misalignment, int length)
    {
        ulong address = GuestRam.Base + misalignment;
        byte[] bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        byte[] back = new byte[length];
        CountingSimulation simulation = new();
        MemorySimulation.Current = simulation;
        try
        {
            _ram.Regions.TryWrite(address, bytes);
            _ram.Regions.TryRead(address, back);
        }
        finally
        {
            MemorySimulation.Current = null;
        }

        Assert.That(back, Is.EqualTo(bytes));
        Assert.That(_ram.At(address, length).ToArray(), Is.EqualTo(bytes));
        Assert.That((simulation.BytesStored, simulation.BytesLoaded), Is.EqualTo((length, length)));
        Assert.That(simulation.Misaligned, Is.Zero);
    }

    private sealed class CountingSimulation : MemorySimulation
    {
        public int BytesLoaded { get; private set; }

        public int BytesStored { get; private set; }

        public int Misaligned { get; private set; }

        public override ulong Load(byte* address, int size, AccessSite site)
        {
            BytesLoaded += size;
            Misaligned += (nint)address % size == 0 ? 0 : 1;
            ulong value = 0;
            Buffer.MemoryCopy(address, &value, size, size);
            return value;
        }

        public override void Store(byte* address, int size, ulong value, AccessSite site)
        {
            BytesStored += size;
            Misaligned += (nint)address % size == 0 ? 0 : 1;
            Buffer.MemoryCopy(&value, address, size, size);
        }

        public override ulong LoadAcquire(byte* address, int size, AccessSite site) => Load(address, size, site);

        public override void StoreRelease(byte* address, int size, ulong value, AccessSite site) =>
            Store(address, size, value, site);

        public override void FullBarrier(AccessSite site)
        {
        }
    }
}
