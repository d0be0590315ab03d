using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

/// <summary>The queues that threads wait in: who comes when.</summary>
[TestFixture]
internal sealed unsafe class ThreadingTests
{
    private const int ThreadCount = 16;
    private Thread* _threads;
    private void* _futexStore;

    [SetUp]
    public void CreateThreads()
    {
        _threads = (Thread*)NativeMemory.AllocZeroed(ThreadCount, (nuint)sizeof(Thread));
        _futexStore = NativeMemory.AllocZeroed((nuint)FutexTable.StoreBytes);
        for (uint i = 0; i < ThreadCount; i++)
        {
            _threads[i].Id = i;
        }
    }

    [TearDown]
    public void FreeThreads()
    {
        NativeMemory.Free(_threads);
        NativeMemory.Free(_futexStore);
    }

    [Test]
    public void Registers_of_every_thread_end_where_the_processor_can_push_them()
    {
        Assert.That(sizeof(TrapFrame), Is.EqualTo(176), "FRAME_LENGTH");
        Assert.That(sizeof(Thread) % 16, Is.Zero);
        Assert.That((ulong)&_threads[1].Registers - (ulong)&_threads[1], Is.Zero);
    }

    [Test]
    public void A_thread_that_an_interrupt_woke_runs_before_all_others()
    {
        var queue = default(RunQueue);
        queue.AddLast(&_threads[1]);
        queue.AddLast(&_threads[2]);
        queue.AddUrgent(&_threads[3]);
        queue.AddUrgent(&_threads[4]);

        Assert.That(Drain(ref queue), Is.EqualTo(new uint[] { 3, 4, 1, 2 }));
    }

    [Test]
    public void A_preempted_thread_comes_back_before_other_ordinary_ones()
    {
        var queue = default(RunQueue);
        queue.AddLast(&_threads[1]);
        queue.AddPreempted(&_threads[2]);
        queue.AddUrgent(&_threads[3]);

        Assert.That(Drain(ref queue), Is.EqualTo(new uint[] { 3, 2, 1 }));
    }

    [Test]
    public void ThreadQueue_Remove_takes_out_of_any_place()
    {
        for (int removed = 0; removed < 3; removed++)
        {
            var queue = default(ThreadQueue);
            for (int i = 0; i < 3; i++)
            {
                queue.AddLast(&_threads[i]);
            }

            Assert.That(queue.Remove(&_threads[removed]), Is.True);
            Assert.That(queue.Remove(&_threads[removed]), Is.False);
            queue.AddLast(&_threads[7]);

            var order = new List<uint>();
            for (Thread* thread = queue.TakeFirst(); thread != null; thread = queue.TakeFirst())
            {
                order.Add(thread->Id);
            }

            Assert.That(order, Is.EqualTo(new uint[] { 0, 1, 2, 7 }.Where(id => id != removed || id == 7)));
        }
    }

    [Test]
    public void Sleepers_wake_in_the_order_of_their_deadlines_and_no_earlier()
    {
        var sleepers = default(SleeperList);
        ulong[] deadlines = [50, 10, 30, 10, 70];
        for (int i = 0; i < deadlines.Length; i++)
        {
            _threads[i].Deadline = deadlines[i];
            sleepers.Add(&_threads[i]);
        }

        Assert.That(sleepers.NextDeadline, Is.EqualTo(10));
        Assert.That(Due(ref sleepers, 9), Is.Empty);
        Assert.That(Due(ref sleepers, 30), Is.EqualTo(new uint[] { 1, 3, 2 }));
        sleepers.Remove(&_threads[0]);
        Assert.That(sleepers.NextDeadline, Is.EqualTo(70));
        sleepers.Remove(&_threads[0]);
        Assert.That(Due(ref sleepers, ulong.MaxValue), Is.EqualTo(new uint[] { 4 }));
        Assert.That(sleepers.NextDeadline, Is.EqualTo(Clock.Never));
    }

    [Test]
    public void A_futex_wakes_its_own_waiters_in_their_order()
    {
        FutexTable futexes = Futexes();
        futexes.Add(&_threads[1], 0x1000, FutexTable.AnyBits);
        futexes.Add(&_threads[2], 0x2000, FutexTable.AnyBits);
        futexes.Add(&_threads[3], 0x1000, FutexTable.AnyBits);

        Assert.That(Take(futexes, 0x1000), Is.EqualTo(new uint[] { 1, 3 }));
        Assert.That(Take(futexes, 0x1000), Is.Empty);
        Assert.That(Take(futexes, 0x2000), Is.EqualTo(new uint[] { 2 }));
    }

    [Test]
    public void A_futex_wakes_only_waiters_with_one_of_its_bits()
    {
        FutexTable futexes = Futexes();
        futexes.Add(&_threads[1], 0x1000, 0b01);
        futexes.Add(&_threads[2], 0x1000, 0b10);

        Assert.That(Take(futexes, 0x1000, 0b10), Is.EqualTo(new uint[] { 2 }));
        Assert.That(Take(futexes, 0x1000, 0b11), Is.EqualTo(new uint[] { 1 }));
    }

    [Test]
    public void Requeue_moves_at_most_the_limit_and_keeps_the_order()
    {
        FutexTable futexes = Futexes();
        for (int i = 1; i <= 4; i++)
        {
            futexes.Add(&_threads[i], 0x1000, FutexTable.AnyBits);
        }

        Assert.That(futexes.Requeue(0x1000, 0x2000, 2), Is.EqualTo(2));
        Assert.That(futexes.Requeue(0x3000, 0x2000, 5), Is.Zero);
        Assert.That(futexes.Requeue(0x1000, 0x1000, 5), Is.Zero);
        Assert.That(Take(futexes, 0x2000), Is.EqualTo(new uint[] { 1, 2 }));
        Assert.That(Take(futexes, 0x1000), Is.EqualTo(new uint[] { 3, 4 }));
    }

    [Test]
    public void A_waiter_whose_time_is_up_can_be_taken_out()
    {
        FutexTable futexes = Futexes();
        futexes.Add(&_threads[1], 0x1000, FutexTable.AnyBits);
        futexes.Add(&_threads[2], 0x1000, FutexTable.AnyBits);
        futexes.Remove(&_threads[1]);

        Assert.That(Take(futexes, 0x1000), Is.EqualTo(new uint[] { 2 }));
    }

    [Test]
    public void Many_addresses_never_mix()
    {
        FutexTable futexes = Futexes();
        int seed = TestContext.CurrentContext.Random.Next();
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var model = new Dictionary<ulong, Queue<uint>>();
        var free = new Stack<int>(Enumerable.Range(0, ThreadCount));
        for (int i = 0; i < 20_000; i++)
        {
            var address = (ulong)random.Next(1, 8) * 4;
            if (free.Count > 0 && random.Next(2) == 0)
            {
                int index = free.Pop();
                futexes.Add(&_threads[index], address, FutexTable.AnyBits);
                model.TryAdd(address, new Queue<uint>());
                model[address].Enqueue((uint)index);
            }
            else
            {
                Thread* thread = futexes.TakeWaiter(address, FutexTable.AnyBits);
                bool expected = model.TryGetValue(address, out Queue<uint>? queue) && queue.Count > 0;
                Assert.That(thread != null, Is.EqualTo(expected));
                if (thread != null)
                {
                    Assert.That(thread->Id, Is.EqualTo(queue!.Dequeue()));
                    free.Push((int)thread->Id);
                }
            }
        }
    }

    private FutexTable Futexes()
    {
        var futexes = default(FutexTable);
        futexes.Initialize(_futexStore);
        return futexes;
    }

    private static List<uint> Take(FutexTable futexes, ulong address, uint bits = FutexTable.AnyBits)
    {
        var taken = new List<uint>();
        for (Thread* thread = futexes.TakeWaiter(address, bits);
            thread != null;
            thread = futexes.TakeWaiter(address, bits))
        {
            taken.Add(thread->Id);
        }

        return taken;
    }

    private static List<uint> Due(ref SleeperList sleepers, ulong now)
    {
        var due = new List<uint>();
        for (Thread* thread = sleepers.TakeDue(now); thread != null; thread = sleepers.TakeDue(now))
        {
            due.Add(thread->Id);
        }

        return due;
    }

    private static List<uint> Drain(ref RunQueue queue)
    {
        var order = new List<uint>();
        for (Thread* thread = queue.TakeNext(); thread != null; thread = queue.TakeNext())
        {
            order.Add(thread->Id);
        }

        return order;
    }
}
