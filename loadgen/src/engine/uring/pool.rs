//! The memory into which the kernel reads: a ring of buffers that all sockets of a thread share.

use std::alloc::{self, Layout};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// The bytes of a buffer. It has room for the replies to a pipeline of about fifty small values.
const BUFFER_BYTES: usize = 4096;
/// The most buffers. When all of them hold replies, the kernel waits until some are returned.
const BUFFERS_MAX: usize = 1024;
/// The fewest buffers.
const BUFFERS_MIN: usize = 64;
/// The number of the only buffer group of a ring.
pub(super) const GROUP: u16 = 0;
/// The kernel requires that the ring starts at a page boundary.
const PAGE_BYTES: usize = 4096;

/// Buffers that the kernel fills and the engine returns. Drop the pool only after its `IoUring`.
pub(super) struct Pool {
    entries: NonNull<BufRingEntry>,
    buffers: NonNull<u8>,
    count: u16,
    tail: u16,
    is_lost: bool,
}

impl Pool {
    /// Allocates enough buffers for this many sockets, and gives all of them to the kernel.
    pub(super) fn register(ring: &IoUring, sockets: usize) -> io::Result<Self> {
        let count = sockets.next_power_of_two().clamp(BUFFERS_MIN, BUFFERS_MAX);
        let mut pool = Self {
            entries: allocate(Self::entries_layout(count)).cast(),
            buffers: allocate(Self::buffers_layout(count)),
            count: count as u16,
            tail: 0,
            is_lost: false,
        };
        #[expect(unsafe_code, reason = "the memory lives until the pool is dropped, which is after the ring")]
        unsafe {
            let address = pool.entries.as_ptr() as u64;
            ring.submitter().register_buf_ring_with_flags(address, pool.count, GROUP, 0)?;
        }
        (0..pool.count).for_each(|buffer| pool.put(buffer));
        pool.publish();
        Ok(pool)
    }

    /// The bytes that the kernel has read into a buffer. The buffer must not have been returned yet.
    pub(super) fn filled(&self, buffer: u16, length: usize) -> &[u8] {
        assert!(buffer < self.count && length <= BUFFER_BYTES, "the kernel names a buffer that it was given");
        #[expect(unsafe_code, reason = "the buffer is ours and initialised, and giving it back takes the pool mutably")]
        unsafe {
            let begin = self.buffers.as_ptr().add(usize::from(buffer) * BUFFER_BYTES);
            std::slice::from_raw_parts(begin, length)
        }
    }

    /// Returns a buffer to the kernel.
    pub(super) fn give_back(&mut self, buffer: u16) {
        self.put(buffer);
        self.publish();
    }

    /// Marks the memory as never to be freed, because the kernel may still use it.
    pub(super) fn lose(&mut self) {
        self.is_lost = true;
    }

    fn put(&mut self, buffer: u16) {
        #[expect(unsafe_code, reason = "the index is below the count of entries, and the kernel reads up to the tail")]
        unsafe {
            let entry = &mut *self.entries.as_ptr().add(usize::from(self.tail & (self.count - 1)));
            entry.set_addr(self.buffers.as_ptr().add(usize::from(buffer) * BUFFER_BYTES) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(buffer);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        #[expect(unsafe_code, reason = "the tail lies in the first entry, is aligned, and is shared with the kernel")]
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr());
            AtomicU16::from_ptr(tail.cast_mut()).store(self.tail, Ordering::Release);
        }
    }

    fn entries_layout(count: usize) -> Layout {
        layout(count * size_of::<BufRingEntry>())
    }

    fn buffers_layout(count: usize) -> Layout {
        layout(count * BUFFER_BYTES)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.is_lost {
            return;
        }
        let count = usize::from(self.count);
        #[expect(unsafe_code, reason = "both were allocated with these layouts, and nothing points to them any more")]
        unsafe {
            alloc::dealloc(self.entries.as_ptr().cast(), Self::entries_layout(count));
            alloc::dealloc(self.buffers.as_ptr(), Self::buffers_layout(count));
        }
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, PAGE_BYTES).unwrap_or_else(|_| unreachable!("a few megabytes are a valid layout"))
}

/// Memory that is filled with zeros.
fn allocate(layout: Layout) -> NonNull<u8> {
    #[expect(unsafe_code, reason = "the layout is not empty")]
    let memory = unsafe { alloc::alloc_zeroed(layout) };
    NonNull::new(memory).unwrap_or_else(|| alloc::handle_alloc_error(layout))
}
