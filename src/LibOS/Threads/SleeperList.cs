using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Threads;

/// <summary>Threads that wake at a time, soonest first; equal times in the order in which they came.</summary>
internal unsafe struct SleeperList
{
    private Thread* _first;

    /// <summary>
    /// When the first of them wakes, in monotonic nanoseconds; <see cref="Clock.Never"/> when nobody sleeps.
    /// </summary>
    public readonly ulong NextDeadline => _first == null ? Clock.Never : _first->Deadline;

    /// <summary>Adds a thread by its <see cref="Thread.Deadline"/>.</summary>
    public void Add(Thread* thread)
    {
        thread->HasDeadline = true;
        Thread* previous = null;
        Thread* next = _first;
        while (next != null && next->Deadline <= thread->Deadline)
        {
            previous = next;
            next = next->NextSleeper;
        }

        thread->NextSleeper = next;
        if (previous == null)
        {
            _first = thread;
        }
        else
        {
            previous->NextSleeper = thread;
        }
    }

    /// <summary>Takes a thread out, if it is in the list.</summary>
    public void Remove(Thread* thread)
    {
        if (!thread->HasDeadline)
        {
            return;
        }

        thread->HasDeadline = false;
        if (_first == thread)
        {
            _first = thread->NextSleeper;
        }
        else
        {
            Thread* previous = _first;
            while (previous->NextSleeper != thread)
            {
                previous = previous->NextSleeper;
            }

            previous->NextSleeper = thread->NextSleeper;
        }

        thread->NextSleeper = null;
    }

    /// <summary>Takes a thread whose time has come, or null.</summary>
    public Thread* TakeDue(ulong now)
    {
        Thread* thread = _first;
        if (thread == null || thread->Deadline > now)
        {
            return null;
        }

        Remove(thread);
        return thread;
    }
}
