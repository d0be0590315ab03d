using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed unsafe class MappingListTests
{
    private const uint ReadWrite = Protection.Read | Protection.Write;
    private Mapping[] _store = null!;
    private MappingList _list;

    [SetUp]
    public void CreateList() => CreateList(64);

    [Test]
    public void Neighbours_with_one_protection_become_one_range()
    {
        _list.Map(0x1000, 0x2000, ReadWrite);
        _list.Map(0x3000, 0x4000, ReadWrite);
        _list.Map(0x2000, 0x3000, ReadWrite);

        Assert.That(Text(), Is.EqualTo("1000-4000:3"));
    }

    [Test]
    public void Neighbours_with_different_protections_stay_apart()
    {
        _list.Map(0x1000, 0x2000, ReadWrite);
        _list.Map(0x2000, 0x3000, Protection.Read);

        Assert.That(Text(), Is.EqualTo("1000-2000:3 2000-3000:1"));
    }

    [Test]
    public void Unmap_in_the_middle_leaves_two_ranges()
    {
        _list.Map(0x1000, 0x9000, ReadWrite);
        _list.Unmap(0x3000, 0x5000);

        Assert.That(Text(), Is.EqualTo("1000-3000:3 5000-9000:3"));
    }

    [Test]
    public void Unmap_over_several_ranges_removes_what_lies_between()
    {
        _list.Map(0x1000, 0x2000, ReadWrite);
        _list.Map(0x3000, 0x4000, Protection.Read);
        _list.Map(0x5000, 0x8000, ReadWrite);
        _list.Unmap(0x0, 0x6000);

        Assert.That(Text(), Is.EqualTo("6000-8000:3"));
    }

    [Test]
    public void Protect_splits_and_merges_back()
    {
        _list.Map(0x1000, 0x9000, Protection.None);
        _list.Protect(0x3000, 0x5000, ReadWrite);
        Assert.That(Text(), Is.EqualTo("1000-3000:0 3000-5000:3 5000-9000:0"));

        _list.Protect(0x3000, 0x5000, Protection.None);
        Assert.That(Text(), Is.EqualTo("1000-9000:0"));
    }

    [Test]
    public void Map_replaces_what_was_there()
    {
        _list.Map(0x1000, 0x9000, ReadWrite);
        _list.Map(0x2000, 0x4000, Protection.None);

        Assert.That(Text(), Is.EqualTo("1000-2000:3 2000-4000:0 4000-9000:3"));
    }

    [Test]
    public void FindFree_goes_from_the_top_down_and_keeps_a_page_of_distance()
    {
        Assert.That(_list.FindFree(0x2000, 0x1000, 0x1000, 0x10000), Is.EqualTo(0xD000));
        _list.Map(0xD000, 0xF000, ReadWrite);
        Assert.That(_list.FindFree(0x1000, 0x1000, 0x1000, 0x10000), Is.EqualTo(0xB000));
        Assert.That(_list.FindFree(0x9000, 0x1000, 0x1000, 0x10000), Is.EqualTo(0x3000));
        Assert.That(_list.FindFree(0xB000, 0x1000, 0x1000, 0x10000), Is.Zero);
    }

    [Test]
    public void FindFree_aligns()
    {
        Assert.That(_list.FindFree(0x1000, 0x8000, 0x1000, 0x1F000) % 0x8000, Is.Zero);
    }

    [Test]
    public void Covers_needs_every_byte()
    {
        _list.Map(0x1000, 0x2000, ReadWrite);
        _list.Map(0x2000, 0x3000, Protection.Read);
        _list.Map(0x4000, 0x5000, Protection.Read);

        Assert.That(_list.Covers(0x1000, 0x3000), Is.True);
        Assert.That(_list.Covers(0x1000, 0x4001), Is.False);
        Assert.That(_list.Covers(0x0, 0x2000), Is.False);
    }

    [TestCase(256, TestName = "Random operations agree with a page-by-page model")]
    [TestCase(8, TestName = "Random operations on a list that is often full agree with a page-by-page model")]
    public void Random_operations(int capacity)
    {
        const int pages = 64;
        int limit = capacity - 2;
        int refused = 0;
        int seed = TestContext.CurrentContext.Random.Next();
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        CreateList(capacity);
        var model = new int[pages];
        Array.Fill(model, -1);
        for (int i = 0; i < 20_000; i++)
        {
            int first = random.Next(pages - 1);
            int last = random.Next(first + 1, pages);
            var start = (ulong)first * Frame.Size;
            var end = (ulong)last * Frame.Size;
            var protection = (uint)random.Next(4);
            int kind = random.Next(3);
            if (kind == 2 && !_list.Covers(start, end))
            {
                continue;
            }

            bool hasRoom = kind == 1
                ? _list.HasRoomToUnmap(start, end)
                : _list.HasRoomToMap(start, end, protection, more: 0);
            if (!hasRoom)
            {
                refused++;
                Assert.That(_list.Count, Is.GreaterThanOrEqualTo(limit - 1), "room for the two that a split adds");
                continue;
            }

            switch (kind)
            {
                case 0:
                    _list.Map(start, end, protection);
                    Array.Fill(model, (int)protection, first, last - first);
                    break;
                case 1:
                    _list.Unmap(start, end);
                    Array.Fill(model, -1, first, last - first);
                    break;
                default:
                    _list.Protect(start, end, protection);
                    Array.Fill(model, (int)protection, first, last - first);
                    break;
            }

            Assert.That(_list.Count, Is.LessThanOrEqualTo(limit));

            for (int page = 0; page < pages; page++)
            {
                bool found = _list.TryFind((ulong)page * Frame.Size, out Mapping mapping);
                Assert.That(found ? (int)mapping.Protection : -1, Is.EqualTo(model[page]), $"step {i}, page {page}");
            }

            for (int index = 1; index < _list.Count; index++)
            {
                Assert.That(_list[index].Start, Is.GreaterThanOrEqualTo(_list[index - 1].End));
            }
        }

        Assert.That(refused != 0, Is.EqualTo(limit < pages / 2));
    }

    [Test]
    public void A_full_list_has_room_for_what_leaves_no_more_ranges()
    {
        FillList();

        Assert.Multiple(() =>
        {
            Assert.That(HasRoomToMap(0xD000, 0xE000, ReadWrite), Is.False, "one more");
            Assert.That(HasRoomToMap(0xC000, 0xD000, ReadWrite), Is.True, "it continues the last");
            Assert.That(HasRoomToMap(0xC000, 0xD000, Protection.Read), Is.False, "it continues the last differently");
            Assert.That(HasRoomToMap(0x3000, 0x5000, Protection.Read), Is.True, "in place of one");
            Assert.That(HasRoomToMap(0x3000, 0x4000, Protection.None), Is.True, "a part that the next one takes");
            Assert.That(HasRoomToMap(0x4000, 0x5000, Protection.None), Is.False, "a part of its own");
            Assert.That(HasRoomToMap(0x4000, 0x5000, ReadWrite), Is.True, "no change");
            Assert.That(_list.HasRoomToMap(0x3000, 0x5000, ReadWrite, more: 1), Is.False, "no change, and one more");
            Assert.That(_list.HasRoomToUnmap(0x3000, 0x5000), Is.True, "a whole one");
            Assert.That(_list.HasRoomToUnmap(0x4000, 0x5000), Is.True, "an edge");
            Assert.That(_list.HasRoomToUnmap(0x4000, 0x8000), Is.True, "two edges");
            Assert.That(_list.HasRoomToUnmap(0x9000, 0xA000), Is.False, "the middle of one");
        });
    }

    // Six ranges, of which the third and the last are large enough to have a middle.
    private void FillList()
    {
        CreateList(8);
        _list.Map(0x0, 0x1000, Protection.Read);
        _list.Map(0x2000, 0x3000, Protection.None);
        _list.Map(0x3000, 0x5000, ReadWrite);
        _list.Map(0x5000, 0x6000, Protection.Read);
        _list.Map(0x7000, 0x8000, Protection.Read);
        _list.Map(0x8000, 0xC000, ReadWrite);
        Assert.That(_list.Count, Is.EqualTo(6));
    }

    private bool HasRoomToMap(ulong start, ulong end, uint protection) =>
        _list.HasRoomToMap(start, end, protection, more: 0);

    private void CreateList(int capacity)
    {
        _store = GC.AllocateArray<Mapping>(capacity, pinned: true);
        _list = default;
        fixed (Mapping* store = _store)
        {
            _list.Initialize(store, capacity);
        }
    }

    private string Text() => string.Join(' ', Enumerable.Range(0, _list.Count).Select(Text));

    private string Text(int index) => $"{_list[index].Start:x}-{_list[index].End:x}:{_list[index].Protection}";
}
