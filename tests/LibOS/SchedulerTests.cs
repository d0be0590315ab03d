using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Who gets the processor for how long.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class SchedulerTests
{
    private const ulong Millisecond = 1_000_000;

    private PerCpu* _cpu;
    private Thread* _threads;
    private ulong* _taskStack;

    [SetUp]
    public void StartIdle()
    {
        _cpu = (PerCpu*)NativeMemory.AllocZeroed((nuint)sizeof(PerCpu));
        _taskStack = (ulong*)NativeMemory.AllocZeroed(sizeof(ulong));
        _threads = (Thread*)NativeMemory.AllocZeroed(4, (nuint)sizeof(Thread));
        for (uint i = 0; i < 4; i++)
        {
            _threads[i].Id = i + 1;
        }

        Processor.Timestamp = 0;
        Clock.Initialize(0, 1_000_000, 0);
        LibOs.Timer = TimerKind.None;
        _cpu->TaskInterruptStack = _taskStack;
        _cpu->IdleThread = &_threads[0];
        _cpu->CurrentThread = &_threads[0];
        _cpu->TimerDeadline = Clock.Never;
    }

    [TearDown]
    public void Stop()
    {
        NativeMemory.Free(_cpu);
        NativeMemory.Free(_taskStack);
        NativeMemory.Free(_threads);
    }

    [TestCase(100ul * Millisecond, TestName = "Two threads share a processor that nothing interrupts")]
    [TestCase(Millisecond, TestName = "Two threads share a processor that is interrupted within every time slice")]
    [TestCase(Millisecond / 7, TestName = "Two threads share a processor that is interrupted very often")]
    public void Two_threads_share(ulong period)
    {
        Thread* first = &_threads[1];
        Thread* second = &_threads[2];
        Thread* driver = &_threads[3];
        driver->State = ThreadState.WaitingForInterrupt;
        Scheduler.Wake(_cpu, first, isUrgent: false);
        Scheduler.Wake(_cpu, second, isUrgent: false);
        ulong nextInterrupt = period;
        for (ulong now = 0; now < 200 * Millisecond; now += Millisecond / 20)
        {
            Processor.Timestamp = now;
            bool isInterrupt = now >= nextInterrupt;
            if (isInterrupt)
            {
                nextInterrupt += period;
                Scheduler.Wake(_cpu, driver, isUrgent: true);
            }

            // LibOS is left: after an interrupt, or after a timer that has found nothing.
            Scheduler.Leave(_cpu);
            Assert.That(_cpu->CurrentThread == driver, Is.EqualTo(isInterrupt), $"at {now} ns");
            if (isInterrupt)
            {
                Scheduler.Block(_cpu, ThreadState.WaitingForInterrupt);
            }
        }

        Assert.That(first->RunTicks, Is.InRange(90 * Millisecond, 110 * Millisecond));
        Assert.That(second->RunTicks, Is.InRange(85 * Millisecond, 110 * Millisecond));
    }

    [Test]
    public void A_thread_that_was_preempted_goes_on_with_what_is_left_of_its_time_slice()
    {
        Scheduler.Wake(_cpu, &_threads[1], isUrgent: false);
        Scheduler.Wake(_cpu, &_threads[2], isUrgent: false);
        Scheduler.Leave(_cpu);
        Processor.Timestamp = 4 * Millisecond;
        Scheduler.Wake(_cpu, &_threads[3], isUrgent: true);
        Scheduler.Leave(_cpu);
        Processor.Timestamp = 14 * Millisecond;
        Scheduler.Block(_cpu, ThreadState.WaitingForInterrupt);

        Assert.That(_cpu->CurrentThread == &_threads[1], Is.True);
        Assert.That(_cpu->SliceEnd, Is.EqualTo(15 * Millisecond).Within(1000ul));
        Processor.Timestamp = (15 * Millisecond) + 100;
        Scheduler.Leave(_cpu);

        Assert.That(_cpu->CurrentThread == &_threads[2], Is.True);
        Assert.That(_cpu->SliceEnd, Is.EqualTo(20 * Millisecond).Within(1000ul), "a whole one");
    }

    [Test]
    public void A_thread_that_blocks_again_and_again_uses_up_its_time_slice_all_the_same()
    {
        // What a collector does to threads: all wait while it works, and each wakes the next one when it goes on. The
        // first to go on was always the first to wait, and the other was always overtaken by the next collection.
        Thread* first = &_threads[1];
        Thread* second = &_threads[2];
        Thread* collector = &_threads[3];
        collector->State = ThreadState.Sleeping;
        first->State = ThreadState.WaitingForFutex;
        second->State = ThreadState.WaitingForFutex;
        ulong firstRan = 0;
        ulong secondRan = 0;
        for (int collection = 0; collection < 100; collection++)
        {
            Thread* oldest = collection == 0 || first->Deadline < second->Deadline ? first : second;
            Thread* other = oldest == first ? second : first;
            Scheduler.Wake(_cpu, oldest, isUrgent: false);
            Scheduler.Leave(_cpu);
            Scheduler.Wake(_cpu, other, isUrgent: false);
            for (ulong step = 0; step < 20; step++)
            {
                Scheduler.Leave(_cpu);
                firstRan += _cpu->CurrentThread == first ? 1ul : 0;
                secondRan += _cpu->CurrentThread == second ? 1ul : 0;
                Processor.Timestamp += Millisecond / 20;
            }

            Scheduler.Wake(_cpu, collector, isUrgent: true);
            Scheduler.Leave(_cpu);
            Assert.That(_cpu->CurrentThread == collector, Is.True);
            Processor.Timestamp += Millisecond / 10;
            Scheduler.Block(_cpu, ThreadState.WaitingForFutex);
            for (ulong waiter = 1; waiter <= 2; waiter++)
            {
                // Those that wait first are woken first.
                _cpu->CurrentThread->Deadline = Processor.Timestamp + waiter;
                Scheduler.Block(_cpu, ThreadState.WaitingForFutex);
            }

            Processor.Timestamp += 20 * Millisecond;
        }

        Assert.That(firstRan, Is.InRange(800ul, 1200ul));
        Assert.That(secondRan, Is.InRange(800ul, 1200ul));
    }

    [TestCase(4_900_000ul)]
    [TestCase(2_000_000ul)]
    [TestCase(100_000ul)]
    public void Frequent_interrupts_whose_thread_has_much_to_do_leave_half_of_the_processor_to_others(ulong work)
    {
        Thread* ordinary = &_threads[1];
        Thread* driver = &_threads[3];
        driver->State = ThreadState.WaitingForInterrupt;
        Scheduler.Wake(_cpu, ordinary, isUrgent: false);
        ulong doneAt = 0;
        for (ulong now = 0; now < 400 * Millisecond; now += Millisecond / 50)
        {
            Processor.Timestamp = now;
            if (driver->State == ThreadState.WaitingForInterrupt)
            {
                doneAt = driver->RunTicks + work;
                Scheduler.Wake(_cpu, driver, isUrgent: true);
            }

            Scheduler.Leave(_cpu);
            if (_cpu->CurrentThread == driver && driver->RunTicks + (now - _cpu->SwitchedAt) >= doneAt)
            {
                Scheduler.Block(_cpu, ThreadState.WaitingForInterrupt);
            }
        }

        Assert.That(ordinary->RunTicks, Is.InRange(180 * Millisecond, 220 * Millisecond));
        Assert.That(driver->RunTicks, Is.InRange(180 * Millisecond, 220 * Millisecond));
    }
}
