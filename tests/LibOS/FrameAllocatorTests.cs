using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed unsafe class FrameAllocatorTests
{
    private const ulong MemoryLength = 64 << 20;
    private FakeMemory _memory = null!;
    private byte[] _records = null!;
    private FrameAllocator _frames;

    [SetUp]
    public void CreateMemory()
    {
        _memory = new FakeMemory(MemoryLength);
        _records = GC.AllocateArray<byte>((int)(MemoryLength >> Frame.Shift), pinned: true);
        _frames = default;
        fixed (byte* records = _records)
        {
            _frames.Initialize(MemoryLength >> Frame.Shift, records);
        }
    }

    [TearDown]
    public void FreeMemory() => _memory.Dispose();

    [Test]
    public void Allocate_from_nothing_gives_nothing()
    {
        Assert.That(_frames.Allocate(), Is.EqualTo(FrameAllocator.None));
    }

    [Test]
    public void Add_keeps_to_whole_frames()
    {
        _frames.Add(0x10_0001, 0x10_3FFF);

        Assert.That(_frames.TotalFrames, Is.EqualTo(2));
        Assert.That(_frames.Allocate(), Is.GreaterThanOrEqualTo(0x10_1000).And.LessThanOrEqualTo(0x10_2000));
    }

    [Test]
    public void Every_frame_is_given_out_once()
    {
        _frames.Add(0x10_0000, 0x50_0000);
        var seen = new HashSet<ulong>();
        for (ulong frame = _frames.Allocate(); frame != FrameAllocator.None; frame = _frames.Allocate())
        {
            Assert.That(seen.Add(frame), Is.True);
            Assert.That(frame, Is.InRange(0x10_0000ul, 0x4F_F000ul));
        }

        Assert.That(seen, Has.Count.EqualTo(0x400));
        Assert.That(_frames.FreeFrames, Is.Zero);
    }

    [Test]
    public void Allocate_gives_zeroed_memory_after_it_was_used()
    {
        _frames.Add(0x10_0000, 0x10_1000);
        ulong frame = _frames.Allocate();
        new Span<byte>(PhysicalMemory.At(frame), (int)Frame.Size).Fill(0xAA);
        _frames.Free(frame, Frame.Size);

        var again = new Span<byte>(PhysicalMemory.At(_frames.Allocate()), (int)Frame.Size);
        Assert.That(again.ContainsAnyExcept((byte)0), Is.False);
    }

    [Test]
    public void Freed_frames_merge_into_one_large_block_again()
    {
        _frames.Add(0x20_0000, 0x60_0000);
        Assert.That(_frames.LargestFree(), Is.EqualTo(0x20_0000));
        List<ulong> taken = Enumerable.Range(0, 0x400).Select(_ => _frames.Allocate()).ToList();
        Assert.That(_frames.LargestFree(), Is.Zero);

        var random = new Random(1);
        foreach (ulong frame in taken.OrderBy(_ => random.Next()))
        {
            _frames.Free(frame, Frame.Size);
        }

        Assert.That(_frames.LargestFree(), Is.EqualTo(0x20_0000));
    }

    [TestCase(1ul, 1ul)]
    [TestCase(4097ul, 4096ul)]
    [TestCase(12_288ul, 8192ul)]
    [TestCase(100_000ul, 65_536ul)]
    [TestCase(5ul, 0x10_0000ul)]
    public void AllocateContiguous_is_aligned_and_takes_no_more_than_it_needs(ulong bytes, ulong alignment)
    {
        _frames.Add(0x10_0000, 0x200_0000);
        ulong before = _frames.FreeFrames;

        ulong physical = _frames.AllocateContiguous(bytes, alignment, ulong.MaxValue);

        Assert.That(physical, Is.Not.EqualTo(FrameAllocator.None));
        Assert.That(physical % Math.Max(alignment, Frame.Size), Is.Zero);
        Assert.That(before - _frames.FreeFrames, Is.EqualTo((bytes + Frame.Size - 1) / Frame.Size));
        _frames.Free(physical, bytes);
        Assert.That(_frames.FreeFrames, Is.EqualTo(before));
    }

    [TestCase(0ul)]
    [TestCase(ulong.MaxValue)]
    [TestCase(1ul << 40)]
    public void AllocateContiguous_of_an_impossible_size_gives_nothing(ulong bytes)
    {
        _frames.Add(0x10_0000, 0x200_0000);

        Assert.That(_frames.AllocateContiguous(bytes, 4096, ulong.MaxValue), Is.EqualTo(FrameAllocator.None));
    }

    [Test]
    public void AllocateBlock_honours_the_highest_address()
    {
        _frames.Add(0x10_0000, 0x12_0000);
        _frames.Add(0x200_0000, 0x300_0000);
        int below = 0;
        for (ulong frame = _frames.AllocateBlock(0, 0x11_FFFF);
            frame != FrameAllocator.None;
            frame = _frames.AllocateBlock(0, 0x11_FFFF))
        {
            Assert.That(frame, Is.LessThanOrEqualTo(0x11_F000));
            below++;
        }

        Assert.That(below, Is.EqualTo(0x20));
        Assert.That(_frames.FreeFrames, Is.EqualTo(0x1000));
    }

    [Test]
    public void Random_allocations_never_overlap_and_everything_comes_back()
    {
        _frames.Add(0x10_0000, MemoryLength);
        ulong all = _frames.FreeFrames;
        int seed = TestContext.CurrentContext.Random.Next();
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var taken = new List<(ulong Start, ulong Length)>();
        var owner = new bool[MemoryLength >> Frame.Shift];
        for (int i = 0; i < 20_000; i++)
        {
            if (taken.Count > 0 && random.Next(2) == 0)
            {
                int index = random.Next(taken.Count);
                (ulong start, ulong length) = taken[index];
                taken[index] = taken[^1];
                taken.RemoveAt(taken.Count - 1);
                Mark(owner, start, length, false);
                _frames.Free(start, length);
            }
            else
            {
                var length = (ulong)random.Next(1, 40_000);
                ulong start = _frames.AllocateContiguous(length, 4096, ulong.MaxValue);
                if (start != FrameAllocator.None)
                {
                    Mark(owner, start, length, true);
                    taken.Add((start, length));
                }
            }
        }

        taken.ForEach(range => _frames.Free(range.Start, range.Length));
        Assert.That(_frames.FreeFrames, Is.EqualTo(all));
    }

    private static void Mark(bool[] owner, ulong start, ulong length, bool value)
    {
        for (ulong frame = start >> Frame.Shift; frame < (start + length + Frame.Size - 1) >> Frame.Shift; frame++)
        {
            Assert.That(owner[frame], Is.EqualTo(!value), "given out or freed twice");
            owner[frame] = value;
        }
    }
}
