namespace VirtioGuest.LibOS.Threads;

/// <summary>Threads in the order in which they came, linked through <see cref="Thread.Next"/>.</summary>
internal unsafe struct ThreadQueue
{
    private Thread* _first;
    private Thread* _last;

    /// <summary>Whether nobody waits.</summary>
    public readonly bool IsEmpty => _first == null;

    /// <summary>The first thread, or null.</summary>
    public readonly Thread* First => _first;

    /// <summary>Adds a thread behind all others.</summary>
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

    /// <summary>Adds a thread before all others.</summary>
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
