using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Threads;

/// <summary>All threads, in a fixed number of slots.</summary>
internal unsafe struct ThreadTable
{
    /// <summary>The most threads that there can be.</summary>
    public const int Capacity = 512;

    private Thread* _slots;
    private uint _lastId;

    /// <summary>The bytes of store that the table needs.</summary>
    public static ulong StoreBytes => (ulong)(Capacity * sizeof(Thread));

    /// <summary>Starts with no thread.</summary>
    /// <param name="store">Zeroed room for <see cref="StoreBytes"/>.</param>
    public void Initialize(void* store)
    {
        _slots = (Thread*)store;
        _lastId = 0;
    }

    /// <summary>A slot, used or free.</summary>
    public readonly Thread* this[int index] => &_slots[index];

    /// <summary>Takes a free slot and gives it a new number; the extended-register area comes from a frame.</summary>
    /// <returns>The cleared slot, or null when there is no slot or no memory.</returns>
    public Thread* Create(FrameAllocator* frames)
    {
        for (int i = 0; i < Capacity; i++)
        {
            Thread* thread = &_slots[i];
            if (thread->State != ThreadState.Free)
            {
                continue;
            }

            ulong area = frames->Allocate();
            if (area == FrameAllocator.None)
            {
                return null;
            }

            Processor.Fill(thread, 0, (ulong)sizeof(Thread));
            thread->Extended = PhysicalMemory.At(area);
            thread->Id = ++_lastId;
            return thread;
        }

        return null;
    }

    /// <summary>Frees a slot. The thread is in no queue any more.</summary>
    public readonly void Destroy(Thread* thread, FrameAllocator* frames)
    {
        frames->Free(PhysicalMemory.Of(thread->Extended), Frame.Size);
        thread->Extended = null;
        thread->State = ThreadState.Free;
    }

    /// <summary>Finds a thread by its number, or null.</summary>
    public readonly Thread* Find(uint id)
    {
        for (int i = 0; i < Capacity; i++)
        {
            if (_slots[i].State != ThreadState.Free && _slots[i].Id == id)
            {
                return &_slots[i];
            }
        }

        return null;
    }
}
