using System;
using NUnit.Framework;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed unsafe class AddressSpaceTests
{
    private const ulong MemoryLength = 32 << 20;
    private const uint ReadWrite = Protection.Read | Protection.Write;

    private FakeMemory _memory = null!;
    private byte[] _records = null!;
    private Space[] _space = null!;

    [SetUp]
    public void CreateSpace()
    {
        _memory = new FakeMemory(MemoryLength);
        _records = GC.AllocateArray<byte>((int)(MemoryLength >> Frame.Shift), pinned: true);
        _space = GC.AllocateArray<Space>(1, pinned: true);
        fixed (byte* records = _records)
        fixed (Space* space = _space)
        {
            space->Frames.Initialize(MemoryLength >> Frame.Shift, records);
            space->Frames.Add(0x10_0000, MemoryLength);
            Assert.That(space->Pages.Initialize(&space->Frames, hasNoExecute: true), Is.True);
            space->Program.Initialize(&space->Pages, &space->Frames, (Mapping*)space->Store, Space.MappingCapacity);
        }
    }

    [TearDown]
    public void FreeSpace() => _memory.Dispose();

    [Test]
    public void A_page_gets_its_frame_when_it_is_touched_and_not_before()
    {
        ulong address = Map(0x4000, ReadWrite);
        Assert.That(Program.ProgramFrames, Is.Zero);
        Assert.That(Translate(address), Is.EqualTo(FrameAllocator.None));

        Assert.That(Program.Fault(address + 0x1234, isWrite: true), Is.EqualTo(FaultOutcome.Resolved));

        Assert.That(Program.ProgramFrames, Is.EqualTo(1));
        Assert.That(Translate(address + 0x1234) % Frame.Size, Is.EqualTo(0x234));
        Assert.That(Translate(address), Is.EqualTo(FrameAllocator.None));
    }

    [Test]
    public void What_is_not_allowed_is_not_served()
    {
        ulong readable = Map(0x1000, Protection.Read);
        ulong reserved = Map(0x1000, Protection.None);

        Assert.That(Program.Fault(readable, isWrite: true), Is.EqualTo(FaultOutcome.NotAllowed));
        Assert.That(Program.Fault(readable, isWrite: false), Is.EqualTo(FaultOutcome.Resolved));
        Assert.That(Program.Fault(reserved, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
        Assert.That(Program.Fault(0x10, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
        Assert.That(Program.Fault(ulong.MaxValue, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
    }

    [Test]
    public void Contents_survive_a_protection_that_allows_nothing()
    {
        ulong address = Map(0x1000, ReadWrite);
        Program.Fault(address, isWrite: true);
        ulong frame = Translate(address);
        *PhysicalMemory.At(frame) = 42;

        Program.Protect(address, 0x1000, Protection.None);
        Assert.That(Translate(address), Is.EqualTo(FrameAllocator.None));
        Program.Protect(address, 0x1000, ReadWrite);

        Assert.That(Translate(address), Is.EqualTo(frame));
        Assert.That(*PhysicalMemory.At(frame), Is.EqualTo((byte)42));
    }

    [Test]
    public void A_new_range_is_never_executable_unless_asked_for()
    {
        ulong data = Map(0x1000, ReadWrite);
        ulong code = Map(0x1000, Protection.Read | Protection.Execute);
        Program.Fault(data, isWrite: true);
        Program.Fault(code, isWrite: false);

        Assert.That(*_space[0].Pages.Entry(data, create: false) & PageFlags.NoExecute, Is.Not.Zero);
        Assert.That(*_space[0].Pages.Entry(code, create: false) & PageFlags.NoExecute, Is.Zero);
    }

    [Test]
    public void Unmap_gives_every_frame_and_table_back()
    {
        ulong before = _space[0].Frames.FreeFrames;
        ulong address = Map(0x80_0000, ReadWrite);
        Assert.That(Program.Populate(address, 0x80_0000), Is.Zero);
        Assert.That(_space[0].Frames.FreeFrames, Is.LessThanOrEqualTo(before - 0x800));

        Assert.That(Program.Unmap(address, 0x80_0000), Is.Zero);

        Assert.That(_space[0].Frames.FreeFrames, Is.EqualTo(before));
        Assert.That(Program.ProgramFrames, Is.Zero);
        Assert.That(_space[0].Pages.TableFrames, Is.EqualTo(1));
    }

    [Test]
    public void Unmap_of_a_part_keeps_the_rest()
    {
        ulong address = Map(0x4000, ReadWrite);
        Program.Populate(address, 0x4000);
        ulong last = Translate(address + 0x3000);

        Program.Unmap(address, 0x3000);

        Assert.That(Translate(address), Is.EqualTo(FrameAllocator.None));
        Assert.That(Translate(address + 0x3000), Is.EqualTo(last));
        Assert.That(Program.ProgramFrames, Is.EqualTo(1));
    }

    [Test]
    public void A_reservation_of_256_GB_costs_nothing()
    {
        ulong before = _space[0].Frames.FreeFrames;

        ulong address = Map(256ul << 30, Protection.None);
        Program.Protect(address + (100ul << 30), 0x1000, ReadWrite);
        Program.Fault(address + (100ul << 30), isWrite: true);

        Assert.That(before - _space[0].Frames.FreeFrames, Is.EqualTo(4), "a frame and three tables");
        Assert.That(Program.Unmap(address, 256ul << 30), Is.Zero);
        Assert.That(_space[0].Frames.FreeFrames, Is.EqualTo(before));
    }

    [Test]
    public void Discard_makes_pages_read_as_zero_again()
    {
        ulong address = Map(0x1000, ReadWrite);
        Program.Fault(address, isWrite: true);
        *PhysicalMemory.At(Translate(address)) = 42;

        Program.Discard(address, 0x1000);
        Program.Fault(address, isWrite: false);

        Assert.That(*PhysicalMemory.At(Translate(address)), Is.Zero);
    }

    // How the collector takes memory and gives it back: a reservation, parts of it made usable, and mapped over.
    [Test]
    public void What_is_mapped_over_is_gone_and_reads_as_zero_when_it_is_used_again()
    {
        ulong before = _space[0].Frames.FreeFrames;
        ulong address = Map(0x40_0000, Protection.None);
        Program.Protect(address, 0x1_0000, ReadWrite);
        Program.Populate(address, 0x1_0000);
        *PhysicalMemory.At(Translate(address + 0x5000)) = 42;
        *PhysicalMemory.At(Translate(address + 0x3000)) = 43;

        Assert.That(MapFixed(address + 0x4000, 0xC000, Protection.None), Is.EqualTo((long)(address + 0x4000)));

        Assert.That(Program.Fault(address + 0x5000, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
        Assert.That(*PhysicalMemory.At(Translate(address + 0x3000)), Is.EqualTo((byte)43));
        Assert.That(Program.ProgramFrames, Is.EqualTo(4));
        Program.Protect(address + 0x4000, 0xC000, ReadWrite);
        Assert.That(Program.Fault(address + 0x5000, isWrite: false), Is.EqualTo(FaultOutcome.Resolved));
        Assert.That(*PhysicalMemory.At(Translate(address + 0x5000)), Is.Zero);
        MapFixed(address, 0x1_0000, Protection.None);
        Assert.That(_space[0].Frames.FreeFrames, Is.EqualTo(before), "its tables are given back too");
        Assert.That(Program.Mappings.Count, Is.EqualTo(1));
    }

    // What the collector needs beyond Linux' promises: see Map.
    [TestCase(0xF_3C98ul)]
    [TestCase(0x1ul)]
    [TestCase(0xFFFul)]
    [TestCase(0x1001ul)]
    public void The_page_that_a_reservation_ends_in_can_be_used(ulong length)
    {
        ulong address = Map(length, Protection.None);
        ulong last = Frame.RoundDown(address + length);

        Assert.That(Program.ProgramFrames, Is.Zero);
        Assert.That(Program.Fault(last + 0x18, isWrite: true), Is.EqualTo(FaultOutcome.Resolved));
        Assert.That(Program.Fault(last - 1, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
        Assert.That(Program.Fault(last + Frame.Size, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
        if (last != address)
        {
            Assert.That(Program.Protect(address, last - address, ReadWrite), Is.Zero);
            Assert.That(Program.Mappings.Count, Is.EqualTo(1));
        }
    }

    [Test]
    public void A_reservation_of_whole_pages_cannot_be_used_anywhere()
    {
        ulong address = Map(0x3000, Protection.None);

        Assert.That(Program.Fault(address + 0x2000, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
    }

    [Test]
    public void What_is_mapped_over_to_its_last_page_cannot_be_used()
    {
        ulong address = Map(0x3000, ReadWrite);
        MapFixed(address, 0x2FFF, Protection.None);

        Assert.That(Program.Fault(address + 0x2000, isWrite: false), Is.EqualTo(FaultOutcome.NotAllowed));
    }

    [Test]
    public void Memory_can_be_given_back_where_there_is_no_room_for_more_ranges()
    {
        ulong address = Map(0x100_0000, Protection.None);
        ulong used = 0;
        while (Program.Protect(address + used, 0x2000, ReadWrite) == 0)
        {
            Program.Populate(address + used, 0x2000);
            used += 0x1_0000;
        }

        Assert.That(used / 0x1_0000, Is.EqualTo((Space.MappingCapacity - 2) / 2));
        Assert.That(Program.Map(0, 0x1000, ReadWrite, isFixed: false), Is.EqualTo(-ErrorNumber.OutOfMemory));
        Assert.That(Program.Unmap(address + used + 0x1000, 0x1000), Is.EqualTo(-ErrorNumber.OutOfMemory));
        Assert.That(MapFixed(address + used, 0x1000, ReadWrite), Is.EqualTo(-ErrorNumber.OutOfMemory));
        Assert.That(Program.ProgramFrames, Is.EqualTo(2 * used / 0x1_0000), "what fails takes nothing away");
        for (ulong part = 0; part < used; part += 0x1_0000)
        {
            Assert.That(MapFixed(address + part + 0x1000, 0x1000, Protection.None), Is.Positive);
            Assert.That(MapFixed(address + part, 0x1000, Protection.None), Is.Positive);
        }

        Assert.That(Program.ProgramFrames, Is.Zero);
        Assert.That(Program.Mappings.Count, Is.EqualTo(1));
        Assert.That(Program.Unmap(address, 0x100_0000), Is.Zero);
    }

    [TestCase(48ul)]
    [TestCase(256ul)]
    [TestCase(4096ul)]
    [TestCase(65536ul)]
    public void Every_region_of_the_heap_can_be_in_use(ulong megabytes)
    {
        ulong frames = megabytes << (20 - Frame.Shift);
        ulong regions = frames / 4 * 3 * 5 / (0x40_0000 >> Frame.Shift);

        int mappings = AddressSpace.MappingCapacity(frames);

        Assert.That((ulong)mappings, Is.GreaterThan((2 * regions) + 1000));
        Assert.That((ulong)mappings * (ulong)sizeof(Mapping), Is.LessThan(frames * Frame.Size / 128), "of the RAM");
    }

    // As Linux answers.
    [Test]
    public void Calls_on_what_is_no_page_or_not_mapped_are_errors()
    {
        ulong address = Map(0x2000, ReadWrite);
        Program.Populate(address, 0x2000);

        Assert.Multiple(() =>
        {
            Assert.That(Program.Protect(address + 1, 0x1000, ReadWrite), Is.EqualTo(-ErrorNumber.InvalidArgument));
            Assert.That(Program.Protect(address, 0x2001, ReadWrite), Is.EqualTo(-ErrorNumber.OutOfMemory));
            Assert.That(Program.Protect(address, 0, Protection.None), Is.Zero);
            Assert.That(Program.Protect(address, ulong.MaxValue, 0), Is.EqualTo(-ErrorNumber.OutOfMemory));
            Assert.That(Program.Discard(address + 1, 0x1000), Is.EqualTo(-ErrorNumber.InvalidArgument));
            Assert.That(Program.Discard(address, ulong.MaxValue), Is.EqualTo(-ErrorNumber.InvalidArgument));
            Assert.That(Program.Unmap(address + 1, 0x1000), Is.EqualTo(-ErrorNumber.InvalidArgument));
            Assert.That(Program.Unmap(address, 0), Is.EqualTo(-ErrorNumber.InvalidArgument));
            Assert.That(Program.Map(0, ulong.MaxValue, 0, isFixed: false), Is.EqualTo(-ErrorNumber.OutOfMemory));
            Assert.That(Program.Map(0, 0, 0, isFixed: false), Is.EqualTo(-ErrorNumber.InvalidArgument));
            Assert.That(Program.ProgramFrames, Is.EqualTo(2));
            Assert.That(Program.Discard(address + 0x1000, 0x2000), Is.EqualTo(-ErrorNumber.OutOfMemory));
            Assert.That(Program.ProgramFrames, Is.EqualTo(1), "the mapped part was dropped");
        });
    }

    [Test]
    public void Memory_that_runs_out_is_told_apart_from_what_is_forbidden()
    {
        ulong address = Map(2 * MemoryLength, ReadWrite);

        Assert.That(Program.Populate(address, 2 * MemoryLength), Is.EqualTo(-ErrorNumber.OutOfMemory));
        Assert.That(Program.Populate(0x1000, 0x1000), Is.EqualTo(-ErrorNumber.BadAddress));
    }

    [TestCase(0ul)]
    [TestCase(ulong.MaxValue)]
    [TestCase(ulong.MaxValue - 4095)]
    public void Map_of_an_impossible_length_is_an_error(ulong length)
    {
        Assert.That(Program.Map(0, length, ReadWrite, isFixed: false), Is.Negative);
    }

    [TestCase(0x1000ul)]
    [TestCase(0x1000_0000_0001ul)]
    [TestCase(0x7000_0000_0000ul)]
    [TestCase(0xFFFF_8000_0000_0000ul)]
    public void A_fixed_mapping_outside_the_program_is_an_error(ulong address)
    {
        Assert.That(Program.Map(address, 0x1000, ReadWrite, isFixed: true), Is.EqualTo(-ErrorNumber.InvalidArgument));
    }

    private ref AddressSpace Program => ref _space[0].Program;

    private ulong Map(ulong length, uint protection)
    {
        long address = Program.Map(0, length, protection, isFixed: false);
        Assert.That(address, Is.Positive);
        return (ulong)address;
    }

    private long MapFixed(ulong address, ulong length, uint protection) =>
        Program.Map(address, length, protection, isFixed: true);

    private ulong Translate(ulong address) => _space[0].Pages.Translate(address, out _);

    private struct Space
    {
        public const int MappingCapacity = 64;

        public FrameAllocator Frames;
        public PageTable Pages;
        public AddressSpace Program;
        public fixed ulong Store[MappingCapacity * 3];
    }
}
