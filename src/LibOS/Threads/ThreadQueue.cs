namespace VirtioGuest.LibOS.Threads;

/// <summary>Threads in the order in which they came, linked through <see cref="Thread.Next"/>.</summary>
internal unsafe struct ThreadQueue
{
    private Thread* _first;
    private Thread* _last;

    public readonly bool IsEmpty => _first == null;

    /// <summary>The first thread, or null.</summary>
    public readonly Thread* First => _first;

    public void AddLast(Thread* thread)
    {
        thread->Next = null;
        if (_last == null)
        {
            _first = thread;
        }
        else
        {
            _last->Next = thread;
        }

        _last = thread;
    }

    public void AddFirst(Thread* thread)
    {
        thread->Next = _first;
        _first = thread;
        if (_last == null)
        {
            _last = thread;
        }
    }

    /// <summary>Takes the first thread, or null.</summary>
    public Thread* TakeFirst()
    {
        Thread* thread = _first;
        if (thread != null)
        {
            _first = thread->Next;
            if (_first == null)
            {
                _last = null;
            }

            thread->Next = null;
        }

        return thread;
    }

    /// <summary>Takes a thread out of the middle; false when it is not in the queue.</summary>
    public bool Remove(Thread* thread)
    {
        Thread* previous = null;
        for (Thread* candidate = _first; candidate != null; candidate = candidate->Next)
        {
            if (candidate != thread)
            {
                previous = candidate;
                continue;
            }

            if (previous == null)
            {
                _first = thread->Next;
            }
            else
            {
                previous->Next = thread->Next;
            }

            if (_last == thread)
            {
                _last = previous;
            }

            thread->Next = null;
            return true;
        }

        return false;
    }
}

/// <summary>
/// Ready threads. One that an interrupt woke runs before all others, because a device waits for it; having used up a
/// time slice it is a thread like any other, so that an interrupt storm cannot starve the rest.
/// </summary>
internal unsafe struct RunQueue
{
    private ThreadQueue _urgent;
    private ThreadQueue _ordinary;

    public readonly bool IsEmpty => _urgent.IsEmpty && _ordinary.IsEmpty;

    /// <summary>Whether a thread is ready that an interrupt woke.</summary>
    public readonly bool HasUrgent => !_urgent.IsEmpty;

    /// <summary>Adds a thread that an interrupt woke, behind others of its kind.</summary>
    public void AddUrgent(Thread* thread) => _urgent.AddLast(thread);

    public void AddLast(Thread* thread) => _ordinary.AddLast(thread);

    /// <summary>
    /// Adds a thread that was preempted with a part of its time slice left, before other ordinary ones.
    /// </summary>
    public void AddPreempted(Thread* thread) => _ordinary.AddFirst(thread);

    /// <summary>Takes the thread that runs next, or null.</summary>
    public Thread* TakeNext()
    {
        Thread* thread = _urgent.TakeFirst();
        return thread != null ? thread : _ordinary.TakeFirst();
    }
}
