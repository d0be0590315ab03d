using System;
using NUnit.Framework;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>When memory is freed, and what is reported when it runs out.</summary>
public sealed class MemoryKeeperTests
{
    [Test]
    public void Memory_is_freed_between_commands_once_enough_was_used()
    {
        var heap = new FakeHeap(20_000);
        var memory = new MemoryKeeper(heap);
        for (int command = 0; command < 10_000; command++)
        {
            heap.Use(26);
            memory.Check();
            memory.Tidy();
        }

        Assert.That(heap.Collections, Is.InRange(100, 200));
    }

    [Test]
    public void Nothing_is_freed_where_little_was_used()
    {
        var heap = new FakeHeap(20_000);
        var memory = new MemoryKeeper(heap);
        heap.Use(MemoryKeeper.Step - 1);
        memory.Tidy();

        Assert.That(heap.Collections, Is.Zero);
    }

    [Test]
    public void A_heap_that_is_nearly_full_is_tidied_after_each_command()
    {
        var heap = new FakeHeap(MemoryKeeper.Step + 10);
        var memory = new MemoryKeeper(heap);
        heap.Use(20);
        memory.Tidy();
        heap.Use(20);
        memory.Tidy();

        Assert.That(heap.Collections, Is.EqualTo(2));
    }

    [TestCase(MemoryKeeper.LongLine - 1, 1)]
    [TestCase(MemoryKeeper.LongLine, 0)]
    public void Nothing_is_freed_where_a_list_may_have_a_long_line(int length, int collections)
    {
        var heap = new FakeHeap(20_000);
        var memory = new MemoryKeeper(heap);
        memory.NoteLine(length);
        memory.NoteLine(3);
        heap.Use(10_000);
        memory.Tidy();

        Assert.That(heap.Collections, Is.EqualTo(collections));
    }

    [Test]
    public void The_end_of_memory_is_reported_once_with_some_left_for_the_report()
    {
        var heap = new FakeHeap(20_000);
        var memory = new MemoryKeeper(heap);
        heap.Use(20_000 - MemoryKeeper.Reserve);
        Assert.That(memory.Check, Throws.Nothing);
        heap.Use(12);

        Assert.That(memory.Check, Throws.TypeOf<InsufficientMemoryException>().With.Message.EqualTo(
            "memory has run out: 2000 KiB are left; give the machine more, or run fewer commands"));
        Assert.That(memory.Check, Throws.Nothing);
        memory.Tidy();
        heap.Use(19_800);
        Assert.That(memory.Check, Throws.TypeOf<InsufficientMemoryException>(), "there was memory again");
    }

    [Test]
    public void The_shell_tidies_after_each_command_typed_or_scripted()
    {
        var system = new TidiedSystem();
        var shell = new CommandShell(new ShellContext(new NoOutput(), system, [], [], null!, []));
        shell.RunScript("one; two\nthree");
        shell.RunLine("four; five");

        Assert.That(system.Times, Is.EqualTo(5));
    }

    private sealed class TidiedSystem : CommandSystem
    {
        public int Times { get; private set; }

        public override void Tidy() => Times++;

        public override void DebugExit(byte value)
        {
        }

        public override void PowerOff()
        {
        }

        public override void Reset()
        {
        }

        public override void Pause(uint milliseconds)
        {
        }
    }

    private sealed class NoOutput : TextOutput
    {
        public override void Write(ReadOnlySpan<byte> ascii)
        {
        }
    }
}
